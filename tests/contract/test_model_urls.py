"""Where model files may be downloaded from: the one rule of compiling and provisioning."""

from __future__ import annotations

import time
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy2runpod_contract.model_urls import ModelUrlRefused, hub_file, model_url, private_host

HUB = "https://huggingface.co/org/name"
SAME = (
    f"{HUB}/resolve/main/a/b.safetensors",
    f"{HUB}/resolve/0123abc/base%20v1.safetensors",
    "http://8.8.8.8:9911/base.safetensors",
    "http://10.0.0.1.example.com/base.safetensors",
    "http://localhost.example.com/base.safetensors",
    "http://7f000001.example/base.safetensors",
    "https://civitai.com/api/download/models/152309?type=Model&format=SafeTensor",
    "https://github.com/owner/name/releases/download/v1/x.pth",
    "https://[2606:4700:4700::1111]:8443/x.bin",
    "https://hf-mirror.com/org/name/resolve/main/x.bin",
    "https://pixeldrain.com/api/file/abc",
    "https://gitlab.com/owner/name/-/raw/main/x.bin",
    "https://www.dropbox.com/scl/fi/abc/x.bin?rlkey=abc&dl=1",
    "https://h/x.bin?tokenizer=clip&max_tokens=77&token_count=5&author=me&sort_key=name&design=2&assignee=x",
    "https://h/caf%E9.bin",
)
FORMS = (
    (f"{HUB}/blob/main/x/base.safetensors", f"{HUB}/resolve/main/x/base.safetensors"),
    (f"{HUB}/resolve/main/x%20y.safetensors?download=true", f"{HUB}/resolve/main/x%20y.safetensors"),
    ("HTTPS://WWW.HuggingFace.co/org/name/resolve/main/x.bin", f"{HUB}/resolve/main/x.bin"),
    ("https://hf.co/gpt2/resolve/main/x.bin", "https://huggingface.co/gpt2/resolve/main/x.bin"),
    ("https://example.com:443/é(1)[2]<3>.bin#part", "https://example.com/%C3%A9%281%29%5B2%5D%3C3%3E.bin"),
    ("https://hf-mirror.com/org/name/blob/main/x.bin", "https://hf-mirror.com/org/name/resolve/main/x.bin"),
    ("https://www.dropbox.com/s/abc/x.bin?dl=0", "https://www.dropbox.com/s/abc/x.bin?dl=1"),
    ("https://www.dropbox.com/scl/fi/abc/x.bin?rlkey=k&dl=0", "https://www.dropbox.com/scl/fi/abc/x.bin?rlkey=k&dl=1"),
    ("https://www.dropbox.com/s/abc/x.bin", "https://www.dropbox.com/s/abc/x.bin?dl=1"),
    ("https://example.com/100%.bin", "https://example.com/100%25.bin"),
)
NO_URLS = (
    "", "not a url", "base.safetensors", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ftp://h/x",
    "//host/x.bin", "https:///x.bin", "https://", "https://host:99999/x.bin", "https://host\\x.bin",
    "https://h/x y.bin",
    "https://h/x\n.bin", "https://h/\x1b[2J.bin", "https://h/\u202e.bin", "https://exämple.com/x.bin",
    "https://h/../x.bin", "https://h/%2e%2e/x.bin", "https://" + "h" * 70 + "/x.bin", "https://h/" + "x" * 3000,
    f"{HUB}/resolve/main/%1b%5D0;x%07.bin", f"{HUB}/resolve/main/%ff%fe.bin", "https://huggingface.co/o/n%00/resolve/main/x",
    f"{HUB}/resolve/ma%E2%80%AEin/x.bin", f"{HUB}/resolve/main/a%0ab.bin", "https://h/%00.bin", "https://h/x.bin?a=%1b[2J",
    "https://-h/x.bin", "https://a..b/x.bin", "https://[::1/x.bin",
)  # fmt: skip
PAGES = (
    f"{HUB}", f"{HUB}/tree/main", f"{HUB}/tree/main/folder", f"{HUB}/resolve/main/", "https://huggingface.co/",
    "https://huggingface.co/org/name/commits/main", "https://civitai.com/models/4384/dreamshaper",
    "https://civitai.com/models/4384?modelVersionId=1", "https://github.com/owner/name",
    "https://github.com/owner/name/blob/main/x.pth", "https://github.com/owner/name/releases",
    "https://github.com/owner/name/releases/tag/v1", "https://drive.google.com/file/d/abc/view",
    "https://modelscope.cn/models/owner/name/files", "https://example.com", "https://example.com/",
    "https://mega.nz/file/abc#key", "https://hf-mirror.com/org/name/tree/main", "https://hf-mirror.com/org/name",
    "https://pixeldrain.com/u/abc", "https://www.dropbox.com/sh/abc/def?dl=1", "https://www.dropbox.com/home/x.bin",
    "https://gitlab.com/owner/name/-/blob/main/x.bin", "https://www.mediafire.com/file/abc/x.bin/file", "https://1drv.ms/u/abc",
    "https://example.com/models/", "https://example.com/model.html",
)  # fmt: skip
SECRETS = (
    "https://civitai.com/api/download/models/1?type=Model&token=0123456789abcdef", "https://h/x.bin?api_key=1",
    "https://h/x.bin?apikey=1", "https://h/x.bin?API-Key=1", "https://h/x.bin?access_token=1", "https://h/x.bin?a=1;token=2",
    "https://h/x.bin?%74oken=1", "https://h/x.bin?X-Amz-Signature=1", "https://h/x.bin?x-goog-credential=1",
    "https://h/x.bin?sig=1&se=2", "https://h/x.bin?token", "https://user:pw@h/x.bin", "https://user@h/x.bin",
    "https://:pw@h/x.bin", "https://hf_abcdefghijklmnop1234@huggingface.co/org/name/resolve/main/x.bin",
    f"{HUB}/resolve/main/x.bin?download=true&token=1", "https://h/hf_abcdefghijklmnop1234/x.bin",
    "https://h/x.bin?q=hf_abcdefghijklmnop1234", "https://h/x.bin?civitai_token=1", "https://h/x.bin?client_secret=1",
    "https://h/x.bin?private_token=1", "https://h/x.bin?X-Api-Token=1", "https://h/x.bin?civitaiToken=1",
    "https://h/x.bin?mytoken2=1", "https://h/x.bin?db_passwd=1", "https://h/x.bin?x-secret-key=1", "https://h/x.bin?userPassword=1",
    "https://h/x.bin?oauth_signature=1", "https://h/x.bin?my.api.key=1", "https://h/x;token=1/x.bin",
    "https://h/x.bin?q=glpat-abcdefghij1234567890", "https://h/x.bin?q=gho_abcdefghijklmnop1234",
    "https://h/x.bin?q=xoxb-1234567890-abcdef", "https://h/a_gho_abcdefghijklmnop1234/x.bin",
)  # fmt: skip

# Addresses of a cloud's services, and those of a worker's own network in the forms that a resolver reads.
INSIDE = (
    "127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F.0.0.1", "0x7f.1", "0177.0.0.1",
    "017700000001", "127.0.0.01", "0", "0.0.0.0", "0x", "169.254.169.254", "100.64.0.1",
    "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "100.100.100.200", "168.63.129.16", "224.0.0.1",
    "255.255.255.255", "256.256.256.256", "1.2.3.4.5", "4294967296", "9" * 60, "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[fe80::1]",
    "[fd00:ec2::254]", "[ff02::1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:db8::1]",
)  # fmt: skip


# The same network, as people write it.
PRIVATE = (
    "127.0.0.1", "127.0.0.1.", "localhost", "LocalHost", "localhost.", "a.localhost", "localhost.localdomain",
    "ip6-localhost", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "[::1]", "[0:0:0:0:0:0:0:1]",
    "[fc00::1]", "[fd00:1::254]",
)  # fmt: skip


@pytest.mark.parametrize("url", SAME)
def test_a_files_own_address_stays_as_it_is(url: str) -> None:
    assert model_url(url) == url


@pytest.mark.parametrize(("url", "form"), FORMS)
def test_what_a_browser_shows_becomes_the_files_address(url: str, form: str) -> None:
    assert model_url(url) == form == model_url(form)


@pytest.mark.parametrize("url", NO_URLS, ids=ascii)
def test_what_is_not_an_http_url_is_refused(url: str) -> None:
    with pytest.raises(ModelUrlRefused, match="not the URL of a file"):
        model_url(url)


@pytest.mark.parametrize("host", INSIDE)
@pytest.mark.parametrize("port", ["", ":80", ":8443"])
def test_a_host_that_is_hidden_or_a_clouds_is_refused_unless_it_is_the_users_hub(host: str, port: str) -> None:
    url = f"http://{host}{port}/latest/meta-data"
    for hub in (
        None,
        "https://huggingface.co",
        "http://127.0.0.2",
        f"https://{host}{port}",
        f"http://{host}:81",
        "http://[",
        "",
    ):
        with pytest.raises(ModelUrlRefused, match="is a reserved address") as refused:
            model_url(url, hub)
        assert "HF_ENDPOINT" in refused.value.remedy
    taken = model_url(url, f"http://{host}{port}")
    assert model_url(taken, f"http://{host}{port}/") == taken


@pytest.mark.parametrize("host", PRIVATE)
def test_a_host_of_a_private_network_is_told_unless_it_is_the_users_hub(host: str) -> None:
    url = model_url(f"http://{host}:8080/a.safetensors")
    assert private_host(url) == private_host(url, "http://other:8080") == urlsplit(url).hostname
    assert private_host(url, f"http://{host}:8080/") is None


@pytest.mark.parametrize("url", SAME)
def test_no_other_host_is(url: str) -> None:
    assert private_host(url) is None


@pytest.mark.parametrize(
    "host", ["[fe80::1%25eth0]", "[::1%251]", "%31%32%37.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "[127.0.0.1"]
)
def test_an_address_that_is_hidden_is_no_host(host: str) -> None:
    with pytest.raises(ModelUrlRefused):
        model_url(f"http://{host}/x.bin")


@pytest.mark.parametrize("url", PAGES)
def test_a_page_is_refused(url: str) -> None:
    with pytest.raises(ModelUrlRefused, match=r"page|names no file"):
        model_url(url)


@pytest.mark.parametrize("url", SECRETS)
def test_a_secret_is_refused_without_being_shown_and_the_remedy_says_where_it_belongs(url: str) -> None:
    with pytest.raises(ModelUrlRefused) as refused:
        model_url(url)
    assert "HF_TOKEN" in refused.value.remedy
    assert "CIVITAI_TOKEN" in refused.value.remedy
    assert not any(secret in str(refused.value) for secret in ("0123456789abcdef", "hf_abc", "pw@"))


def test_a_repositorys_path_is_unquoted_once() -> None:
    assert hub_file(f"{HUB}/resolve/refs%2Fpr%2F1/x%20y%2520.bin") == ("org/name", "refs/pr/1", "x y%20.bin")
    assert hub_file("https://huggingface.co/datasets/org/name/resolve/main/x.bin") is None
    assert hub_file("https://example.com/org/name/resolve/main/x.bin") is None


@given(st.text(st.sampled_from("ab/:@?#&=%[]()<>|\\ \n\x1b\u202e\ud800é.") | st.characters(), max_size=30))
def test_whatever_is_taken_is_plain_and_taken_again(text: str) -> None:
    for url in (text, f"https://example.com/{text}", f"https://{text}/x.bin", f"{HUB}/resolve/main/{text}"):
        try:
            taken = model_url(url)
        except ModelUrlRefused:
            continue
        assert model_url(taken) == taken
        assert taken.isascii()
        assert taken.isprintable()
        assert not set(urlsplit(taken).path + urlsplit(taken).query) & set(' <>()[]"\\^`{|}')
        assert urlsplit(taken).scheme in ("http", "https")
        assert urlsplit(taken).hostname


@pytest.mark.parametrize(
    "text", ["a" * 2000, "a." * 1000, "https://" + "a" * 2000, f"{HUB}/resolve/main/" + "/" * 1900]
)
def test_no_text_takes_long(text: str) -> None:
    start = time.monotonic()
    for url in (text, f"https://{text[:2000]}!", f"https://h/{text[:2000]}"):
        with suppress(ModelUrlRefused):
            model_url(url)
    assert time.monotonic() - start < 10
