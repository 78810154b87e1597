#!/bin/sh
# After the packages: what makes a root file system a lab host. $1 = root, $2 = this folder.
set -eu
install -m 0755 "$2/init" "$1/usr/local/sbin/init"
install -D -m 0644 "$2/journald.conf" "$1/etc/systemd/journald.conf.d/10-lab.conf"
install -D -m 0644 "$2/sshd.conf" "$1/etc/ssh/sshd_config.d/10-lab.conf"
rm -f "$1"/etc/ssh/ssh_host_*            # the stack's own key comes when the host is made
: > "$1/etc/machine-id"                  # every host makes its own
chroot "$1" useradd --create-home --shell /bin/bash ansible
echo 'ansible ALL=(ALL) NOPASSWD:ALL' > "$1/etc/sudoers.d/ansible"
chmod 0440 "$1/etc/sudoers.d/ansible"
mkdir -p "$1/etc/ssh/authorized_keys.d"
# Services begin when a role says so.
for unit in haproxy postgresql nftables prometheus prometheus-alertmanager prometheus-node-exporter \
  prometheus-postgres-exporter prometheus-blackbox-exporter apt-daily.timer apt-daily-upgrade.timer \
  dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do
  chroot "$1" systemctl disable "$unit" >/dev/null 2>&1 || echo "no unit $unit to disable"
done
chroot "$1" systemctl enable ssh.service
chroot "$1" systemctl mask systemd-networkd-wait-online.service systemd-udevd.service \
  systemd-resolved.service
chroot "$1" apt-get clean
