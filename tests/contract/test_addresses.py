"""Where a worker may download from: only public addresses, however an address is written (SSRF)."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

import pytest

from comfy2runpod_contract.addresses import is_public

REFUSED_V4 = {
    "this network": "0.0.0.0/8",
    "private, 10": "10.0.0.0/8",
    "shared by carriers, Alibaba's metadata": "100.64.0.0/10",
    "loopback": "127.0.0.0/8",
    "link-local, most clouds' metadata": "169.254.0.0/16",
    "private, 172": "172.16.0.0/12",
    "protocols' own, Oracle's metadata": "192.0.0.0/24",
    "documentation 1": "192.0.2.0/24",
    "6to4's relays": "192.88.99.0/24",
    "private, 192": "192.168.0.0/16",
    "benchmarks": "198.18.0.0/15",
    "documentation 2": "198.51.100.0/24",
    "documentation 3": "203.0.113.0/24",
    "multicast": "224.0.0.0/4",
    "reserved, broadcast": "240.0.0.0/4",
    "Azure's platform": "168.63.129.16/32",
    "IBM Cloud's services": "161.26.0.0/16",
}
REFUSED_V6 = {
    "any, loopback, IPv4 as it was written once": "::/96",
    "private NAT64": "64:ff9b:1::/48",
    "discarded": "100::/64",
    "segment routing": "5f00::/16",
    "protocols' own, Teredo, benchmarks, ORCHID": "2001::/23",
    "documentation": "2001:db8::/32",
    "documentation, new": "3fff::/20",
    "6to4": "2002::/16",
    "unique-local, clouds' metadata": "fc00::/7",
    "link-local": "fe80::/10",
    "site-local": "fec0::/10",
    "multicast": "ff00::/8",
    "not given out": "4000::/3",
}
PUBLIC = ["1.1.1.1", "8.8.8.8", "168.63.129.15", "168.63.129.17", "172.32.0.1", "100.128.0.1", "2606:4700::1111",
          "2a00:1450:4001:82a::200e", "2001:4860:4860::8888", "3ffd::1"]  # fmt: skip


def some_of(network: IPv4Network | IPv6Network) -> list[str]:
    """Its first and last address, and some between."""
    chance = random.Random(str(network))
    inside = [network[chance.randrange(network.num_addresses)] for _ in range(20)]
    return [str(address) for address in (network[0], network[-1], *inside)]


@pytest.mark.parametrize("network", REFUSED_V4.values(), ids=REFUSED_V4)
def test_no_address_of_a_special_network_is_public_however_ipv6_wraps_it(network: str) -> None:
    for address in some_of(ip_network(network)):
        packed = IPv4Address(address).packed
        as_groups = f"{packed[0]:02x}{packed[1]:02x}:{packed[2]:02x}{packed[3]:02x}"
        for form in (address, f"::ffff:{address}", f"::ffff:{as_groups}", f"::{address}", f"64:ff9b::{address}",
                     f"2002:{as_groups}::1", f"2001:0:{as_groups}::1"):  # fmt: skip
            assert not is_public(form), form


@pytest.mark.parametrize("network", REFUSED_V6.values(), ids=REFUSED_V6)
def test_no_address_of_a_special_ipv6_network_is_public(network: str) -> None:
    for address in some_of(ip_network(network)):
        assert not is_public(address), address


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254",
     "fd00:a9fe:a9fe::1", "::ffff:168.63.129.16", "64:ff9b::a83f:8110", "fe80::1%eth0", "", "1", "example.com"],
)  # fmt: skip
def test_no_clouds_metadata_and_nothing_that_is_not_an_address_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_lies_beside_them_is_public(address: str) -> None:
    assert is_public(address)
    if "." in address:
        assert is_public(f"::ffff:{address}")
        assert is_public(f"64:ff9b::{address}")
