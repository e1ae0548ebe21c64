"""The API documents of packages as one static site: an index, each package's own pages, and a reference of each."""

from comfy2runpod.docs_site.package import NEEDED, PackageDocs, package_docs
from comfy2runpod.docs_site.site import ASSETS, site_files

__all__ = ["ASSETS", "NEEDED", "PackageDocs", "package_docs", "site_files"]
