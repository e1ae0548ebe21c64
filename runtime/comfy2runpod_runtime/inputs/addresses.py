"""Which network addresses a worker may fetch from: public ones.

What is left out leads into the worker's own network, to its cloud's metadata, or to several machines at once.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# All that has been given out of IPv6 as unicast.
_UNICAST = IPv6Network("2000::/3")
# IPv6 around an IPv4 address that a relay takes out again: 6to4, Teredo.
_RELAYED = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
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
    return address.is_global and not address.is_multicast and not address.is_reserved


def _public_v6(address: IPv6Address) -> bool:
    if address.ipv4_mapped is not None:
        return _public_v4(address.ipv4_mapped)
    if address in _NAT64:
        return _public_v4(IPv4Address(address.packed[-4:]))
    if address.scope_id is not None or any(address in network for network in _RELAYED):
        return False
    return address in _UNICAST and address.is_global
