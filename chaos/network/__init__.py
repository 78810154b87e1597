"""The network between two hosts, broken on one of them: tables of nftables, a slow relay."""
