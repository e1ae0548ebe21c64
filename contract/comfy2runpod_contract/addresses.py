"""The address check against server-side request forgery (SSRF): a worker connects to public addresses only.

It is of addresses, and of hosts in URLs as far as these are addresses: what a name resolves to is known on connecting.

Refused are private, loopback, link-local (cloud metadata), multicast and reserved addresses. We keep our own tables
beside `ipaddress`, whose tables are as old as the installed Python.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# IANA's special-purpose registry, including entries marked as globally reachable; multicast and reserved ranges.
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
# Public by number, but routed inside a single cloud to its internal services: Azure's platform endpoint, IBM Cloud's
# services, Google's private API access.
_CLOUDS_V4 = tuple(
    map(IPv4Network, ("168.63.129.16/32", "161.26.0.0/16", "166.8.0.0/14", "199.36.153.4/30", "199.36.153.8/30"))
)
# The allocated global unicast range of IPv6. Unique-local, link-local and multicast addresses are outside it.
_UNICAST_V6 = IPv6Network("2000::/3")
# Special ranges within it. Teredo (in 2001::/23) and 6to4 (2002::/16) embed an IPv4 address that a relay forwards to.
_SPECIAL_V6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20"))
)
# NAT64 (RFC 6052): the last four bytes are the IPv4 address that is reached.
_NAT64 = IPv6Network("64:ff9b::/96")

# Of this machine or of a private network, but for the address at which AWS tells its machines their secrets.
_PRIVATE_V4 = tuple(map(IPv4Network, ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_PRIVATE_V6 = tuple(map(IPv6Network, ("::1/128", "fc00::/7")))
_METADATA_V6 = IPv6Network("fd00:ec2::/32")

# This machine's own names, beside those that end in .localhost.
_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
# The last part of what resolvers read as an IPv4 address, in whatever form: 127.1, 2130706433, 0x7f.0.0.1, 0177.0.0.1.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_public_host(host: str) -> bool:
    """Returns whether a host in a URL is a public address, or a name that may have one.

    An IPv4 address in another form than four decimal numbers is not: programs read such forms differently.

    Args:
        host: the host, in ASCII; an IPv6 address with brackets or without.
    """
    name = host.lower().removesuffix(".")
    if _is_this_machine(name):
        return False
    if ":" in name or _NUMBER.fullmatch(name.rpartition(".")[2]):
        return is_public(name.removeprefix("[").removesuffix("]"))
    return True


def is_private_host(host: str) -> bool:
    """Returns whether a host in a URL is, plainly written, of this machine or of a private network.

    A host may be neither public nor private: an address of a cloud's services, or one in another form.

    Args:
        host: the host, in ASCII; an IPv6 address with brackets or without.
    """
    name = host.lower().removesuffix(".")
    if _is_this_machine(name):
        return True
    try:
        address = ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return any(address in network for network in _PRIVATE_V4)
    return any(address in network for network in _PRIVATE_V6) and address not in _METADATA_V6


def _is_this_machine(name: str) -> bool:
    return name in _LOOPBACK_NAMES or name.endswith(".localhost")


def is_public(address: str) -> bool:
    """Returns whether an address is a public one.

    Args:
        address: an IPv4 or IPv6 address as `getaddrinfo` returns it.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return _public_v4(parsed) if isinstance(parsed, IPv4Address) else _public_v6(parsed)


def _public_v4(address: IPv4Address) -> bool:
    # `is_global` as well: the installed Python may be newer than our tables.
    return address.is_global and not any(address in network for network in (*_SPECIAL_V4, *_CLOUDS_V4))


def _public_v6(address: IPv6Address) -> bool:
    if address.ipv4_mapped is not None:
        return _public_v4(address.ipv4_mapped)
    if address in _NAT64:
        return _public_v4(IPv4Address(address.packed[-4:]))
    if address.scope_id is not None or address not in _UNICAST_V6:
        return False
    return address.is_global and not any(address in network for network in _SPECIAL_V6)
