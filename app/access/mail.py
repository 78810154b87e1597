"""Mail by SMTP, in a thread: the library waits for the server."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.settings import Settings

SECONDS = 5.0  # for each step of the talk with the server


class NotSent(Exception):
    """The server did not take it; `str()` is one line."""


async def send(settings: Settings, to: str, subject: str, text: str) -> None:
    """Send a mail. Raises NotSent."""
    message = EmailMessage()
    message["From"], message["Subject"] = settings.smtp_from, subject
    try:
        message["To"] = to
        message.set_content(text)
        await asyncio.to_thread(_send, settings, message)
    except (OSError, smtplib.SMTPException, ValueError, UnicodeError) as error:
        raise NotSent(
            f"{settings.smtp_host}:{settings.smtp_port}: {type(error).__name__}"
        ) from None


def _send(settings: Settings, message: EmailMessage) -> None:
    host, port, context = settings.smtp_host, settings.smtp_port, ssl.create_default_context()
    if settings.smtp_security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=SECONDS)
    with server:
        if settings.smtp_security == "starttls":
            server.starttls(context=context)
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        server.send_message(message)
