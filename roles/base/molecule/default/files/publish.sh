#!/bin/sh
# A package that is called as Amazon's agent, its signature, and a server of both on loopback.
set -eu
rm -rf /srv/amazon
mkdir -p /srv/amazon/tree/DEBIAN /srv/amazon/tree/lib/systemd/system
cd /srv/amazon
printf '%s\n' 'Package: amazon-ssm-agent' 'Version: 3.3.0' 'Architecture: all' \
  'Maintainer: A test <test@example.org>' 'Description: stands in' >tree/DEBIAN/control
printf '%s\n' '[Service]' 'ExecStart=/bin/sleep infinity' '[Install]' 'WantedBy=multi-user.target' \
  >tree/lib/systemd/system/amazon-ssm-agent.service
dpkg-deb --root-owner-group --build tree amazon-ssm-agent.deb
export GNUPGHOME=/srv/amazon/keys
mkdir -m 0700 "$GNUPGHOME"
gpg --batch --passphrase '' --quick-generate-key 'A test <test@example.org>' rsa3072 sign never
gpg --batch --armor --export >key.asc
gpg --batch --detach-sign --output amazon-ssm-agent.deb.sig amazon-ssm-agent.deb
systemd-run --quiet --unit=amazon --working-directory=/srv/amazon \
  /usr/bin/python3 -m http.server --bind 127.0.0.1 4480
sleep 1
