"""Other ways to sign in: a directory (LDAP), OpenID Connect, SAML. Off unless configured."""
