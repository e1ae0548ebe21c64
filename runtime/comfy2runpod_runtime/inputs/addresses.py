"""Which network addresses a worker may fetch from: public ones.

What is omitted leads into the worker's own network, to its cloud's metadata, or to several machines at once. The
tables are ours and not `ipaddress`'s, which knows the registries of the Python that it came with.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# IANA's registry of special-purpose addresses, whatever it says of their reach, and what is no host's.
_SPECIAL_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
# Public by their numbers, and answered inside one cloud only, with what is that cloud's business: Azure's platform,
# IBM Cloud's services, Google's APIs for machines without a way out.
_CLOUDS_V4 = tuple(
    map(IPv4Network, ("168.63.129.16/32", "161.26.0.0/16", "166.8.0.0/14", "199.36.153.4/30", "199.36.153.8/30"))
)
# All that has been given out of IPv6 as unicast: unique-local, link-local and multicast addresses lie outside.
_UNICAST_V6 = IPv6Network("2000::/3")
# Within it. 2001::/23 is the protocols' own, Teredo among them; 2002::/16 is 6to4: both have IPv4 addresses inside that
# a relay takes out again.
_SPECIAL_V6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20"))
)
# IPv6 for the IPv4 address in its last four bytes, where a network has no IPv4 (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an address, as `getaddrinfo` gives it, is one that the whole internet reaches."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return _public_v4(parsed) if isinstance(parsed, IPv4Address) else _public_v6(parsed)


def _public_v4(address: IPv4Address) -> bool:
    # Also by what this Python knows, which may be newer than the tables.
    return address.is_global and not any(address in network for network in (*_SPECIAL_V4, *_CLOUDS_V4))


def _public_v6(address: IPv6Address) -> bool:
    if address.ipv4_mapped is not None:
        return _public_v4(address.ipv4_mapped)
    if address in _NAT64:
        return _public_v4(IPv4Address(address.packed[-4:]))
    if address.scope_id is not None or address not in _UNICAST_V6:
        return False
    return address.is_global and not any(address in network for network in _SPECIAL_V6)
