"""Document -> Document: the graph as an editor has it before it makes the prompt.

Ids are unique, links are settled, PrimitiveNodes have written their values into the nodes they feed, and group nodes
are subgraphs.
"""

from __future__ import annotations

from functools import partial

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.facts.kinds import Virtual
from comfy2runpod.diagnostics import Diagnostic
from comfy2runpod.editor import EditorProfile
from comfy2runpod.ir.document import Document
from comfy2runpod.stages.normalize.extensions import link_by_name, refuse_changed_on_load
from comfy2runpod.stages.normalize.group_nodes.stage import unfold_groups
from comfy2runpod.stages.normalize.links import settle_links, unlink_promoted
from comfy2runpod.stages.normalize.primitives import apply_primitives
from comfy2runpod.stages.normalize.renumber import renumber
from comfy2runpod.stages.widgets.lookup import WidgetFinder
from comfy2runpod.stages.widgets.replacements import with_widget_values


def normalize(
    document: Document, catalog: Catalog, profile: EditorProfile, *, new_ids: bool = True
) -> tuple[Document, tuple[Diagnostic, ...]]:
    """Does to a saved graph what an editor does when it loads it.

    Args:
        document: the graph as it is saved.
        catalog: the classes.
        profile: the editor whose rules count.
        new_ids: whether nodes that an editor unpacks from group nodes get the ids that it gives them; without, they
            keep ids that do not depend on the editor.

    Returns:
        The graph, and warnings.

    Raises:
        CompileError: an extension changes it on load, or a group node cannot be unfolded.
    """
    facts = [catalog.facts.of(name) for name in document.node_types()]
    virtual = {known.virtual for known in facts}
    if any(known.extension is not None for known in facts):
        refuse_changed_on_load(document, catalog)
    unique = renumber(document, root_too=profile.table_decides)
    if profile.table_decides:
        unique = settle_links(unique)
    if profile.instance_keeps_values:
        unique = unlink_promoted(unique)
    if Virtual.GET in virtual:
        unique = link_by_name(unique, catalog.facts)
    if Virtual.PRIMITIVE in virtual:
        find = WidgetFinder(unique, catalog, profile)
        unique = apply_primitives(unique, catalog, profile, partial(with_widget_values, widget=find))
    return unfold_groups(unique, catalog, profile, new_ids=new_ids)
