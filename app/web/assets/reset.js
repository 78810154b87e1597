// The token stands after #, which no server sees. It leaves the address at once, so that neither
// the history nor somebody who looks over a shoulder keeps it.
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const form = document.querySelector("#reset");
const field = document.querySelector("#password");
const button = document.querySelector("#reset button");
const status = document.querySelector("#said");

async function send() {
  const answer = await fetch("/v1/password-resets/confirm", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token, password: field.value }),
    referrerPolicy: "no-referrer",
  });
  if (answer.status === 204) {
    form.hidden = true;
    return "Your password is set, and you are signed out everywhere. Sign in with the new one.";
  }
  const said = (await answer.json()).error;
  form.hidden = said.code === "bad_token";
  return said.message;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    status.textContent = await send();
  } catch {
    status.textContent = "There was no answer: try again.";
  }
  button.disabled = false;
});

if (/^[A-Za-z0-9_-]{43}$/.test(token)) {
  form.hidden = false;
  field.focus();
} else {
  status.textContent = "This link is not whole: open it again, or ask for another.";
}
