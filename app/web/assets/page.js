// What every page gains by a script; each works without.

// A page that the browser kept for its back button may show what a session had that is over.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    let said = "Copied.";
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      said = "Your browser does not let pages copy: the key is selected, copy it by hand.";
    }
    document.getElementById("copied").textContent = said;
  });
  field.addEventListener("focus", () => field.select());
  if (document.activeElement === field) field.select();
}

// Words of the last deed leave the address: a reload does not say them again.
if (location.search.includes("done=")) {
  const address = new URL(location.href);
  address.searchParams.delete("done");
  history.replaceState(null, "", address);
}
