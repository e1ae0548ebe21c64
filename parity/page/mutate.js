// Changes the graph on the canvas as a user would, through the calls that the editor's own menus and drags make, and
// saves it. Every choice is drawn from a seed, so that a case can be played again.
async ({ text, seed, steps }) => {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count) => Math.floor(random() * count);
  const pick = (items) => (items.length ? items[below(items.length)] : undefined);
  const coin = () => random() < 0.5;
  const hex = (digits) => Array.from({ length: digits }, () => below(16).toString(16)).join("");
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

  const root = () => app.rootGraph ?? app.graph;
  const isInstance = (node) => Boolean(node.isSubgraphNode?.());
  const isGroupNode = (node) => /^workflow[>/]/.test(node.type);
  const isReal = (node) => !node.isVirtualNode && !isInstance(node) && !isGroupNode(node) && node.comfyClass;
  // Only what an instance shows: a definition that nothing uses changes no prompt.
  const graphs = () => {
    const found = [root()];
    for (const graph of found)
      for (const node of graph.nodes)
        if (isInstance(node) && !found.includes(node.subgraph)) found.push(node.subgraph);
    return found;
  };
  const everywhere = (want) => graphs().flatMap((graph) => graph.nodes.filter(want).map((node) => ({ graph, node })));
  const instances = () => everywhere(isInstance);
  const where = (graph) => (graph === root() ? "the root" : `"${graph.name}"`);
  const name = (node) => `${node.id} (${isInstance(node) ? "subgraph" : (node.comfyClass ?? node.type)})`;

  const linkOf = (graph, input) => (input.link == null ? undefined : graph.getLink(input.link));
  // Links between two nodes; those at a subgraph's panels are omitted.
  const links = (graph) =>
    graph.nodes.flatMap((target) =>
      (target.inputs ?? []).flatMap((input, slot) => {
        const link = linkOf(graph, input);
        const origin = link && graph.getNodeById(link.origin_id);
        return origin ? [{ graph, link, origin, target, slot }] : [];
      }),
    );
  const allLinks = () => graphs().flatMap(links);
  const downstream = (graph, from) => {
    const seen = new Set([from]);
    const next = links(graph);
    for (const node of seen)
      for (const link of next) if (link.origin === node) seen.add(link.target);
    return seen;
  };
  const open = async (graph) => {
    const canvas = app.canvas;
    if (graph === root()) canvas.setGraph(graph);
    else canvas.openSubgraph(graph, instances().find(({ node }) => node.subgraph === graph).node);
    await frame();
    await frame();
  };
  const create = (type, graph, beside) => {
    const node = LiteGraph.createNode(type);
    if (!node) throw new Error(`the editor makes no ${type}`);
    node.pos = [beside.pos[0] - 40, beside.pos[1] - 120];
    graph.add(node);
    return node;
  };

  // Older editors save no value of a promoted widget with its instance, but a user changes it there all the same.
  const isValue = (widget, node) =>
    widget.name &&
    widget.options?.serialize !== false &&
    (widget.serialize !== false || isInstance(node)) &&
    !["button", "hidden", "converted-widget"].includes(widget.type) &&
    !/control_after_generate|^upload/.test(widget.name);
  const anotherValue = (widget, node) => {
    const { value, options = {} } = widget;
    if (typeof value === "boolean") return !value;
    if (typeof value === "number") {
      const step = options.step2 ?? (options.step ?? 10) / 10;
      const moved = value + (1 + below(5)) * step * (coin() ? 1 : -1);
      const bounded = Math.min(options.max ?? Infinity, Math.max(options.min ?? -Infinity, moved));
      const tidy = Number(bounded.toFixed(6));
      return tidy === value ? undefined : tidy;
    }
    if (typeof value !== "string") return undefined;
    if (widget.type === "combo") {
      const values = typeof options.values === "function" ? options.values(widget, node) : options.values;
      return Array.isArray(values) ? pick(values.filter((other) => other !== value)) : undefined;
    }
    return `${value} (a red kite:1.2),\n"near" the sea`;
  };
  const settable = (node) => (node.widgets ?? []).filter((widget) => isValue(widget, node));
  const setWidget = (node, widget) => {
    const value = anotherValue(widget, node);
    if (value === undefined) return undefined;
    const old = widget.value;
    widget.value = value;
    widget.callback?.(value, app.canvas, node, app.canvas.graph_mouse, {});
    node.onWidgetChanged?.(widget.name, value, old, widget);
    return `${widget.name} = ${JSON.stringify(value)}`;
  };
  const setOne = ({ graph, node } = {}) => {
    const widget = node && pick(settable(node));
    const set = widget && setWidget(node, widget);
    return set && `set ${set} on ${name(node)} in ${where(graph)}`;
  };
  const setMode = ({ graph, node } = {}, mode, word) => {
    if (!node) return undefined;
    node.mode = mode;
    return `${word} ${name(node)} in ${where(graph)}`;
  };
  // The inputs that nothing is linked to; `wanted` looks at the slot.
  const openInputs = (wanted) =>
    everywhere((node) => isReal(node) || isInstance(node)).flatMap(({ graph, node }) =>
      (node.inputs ?? []).flatMap((input, slot) =>
        input.link == null && wanted(input) ? [{ graph, node, input, slot }] : [],
      ),
    );
  const widgetOf = (node, input) => (node.widgets ?? []).find((widget) => widget.name === input.widget?.name);

  // A few nodes that hang together.
  const around = (graph, first, fits = () => true) => {
    const chosen = new Set([first]);
    const size = 2 + below(4);
    while (chosen.size < size) {
      const border = links(graph).flatMap(({ origin, target }) =>
        chosen.has(origin) !== chosen.has(target) ? [chosen.has(origin) ? target : origin] : [],
      );
      const next = pick(border.filter(fits));
      if (!next) break;
      chosen.add(next);
    }
    return chosen;
  };
  const wrap = async (graph, first) => {
    const chosen = around(graph, first, (node) => !isGroupNode(node));
    const what = [...chosen].map(name).join(", ");
    await open(graph);
    app.canvas.selectItems?.([...chosen]);
    graph.convertToSubgraph(new Set(chosen));
    await frame();
    return `wrap ${what} of ${where(graph)}`;
  };
  // A new instance takes its inputs from where the first has them, and one of its readers.
  const wireLike = (graph, first, second) => {
    first.inputs.forEach((input) => {
      const link = linkOf(graph, input);
      const origin = link && graph.getNodeById(link.origin_id);
      const slot = second.inputs.findIndex((other) => other.name === input.name);
      if (origin && slot >= 0) origin.connect(link.origin_slot, second, slot);
    });
    const reader = pick(links(graph).filter(({ origin, target }) => origin === first && target !== second));
    if (reader) second.connect(reader.link.origin_slot, reader.target, reader.slot);
    const widget = coin() ? pick(settable(second)) : undefined;
    const set = widget && setWidget(second, widget);
    return `${reader ? `, read by ${name(reader.target)}` : ""}${set ? `, with ${set}` : ""}`;
  };
  const between = (graph, { origin, link, target, slot }, node) => {
    const from = link.origin_slot;
    origin.connect(from, node, 0);
    node.connect(0, target, slot);
    return `between ${name(origin)} and ${name(target)} in ${where(graph)}`;
  };
  const CONSTANTS = { INT: "PrimitiveInt", FLOAT: "PrimitiveFloat", STRING: "PrimitiveString", BOOLEAN: "PrimitiveBoolean" };

  // Each gives a line that says what it did, or nothing where the graph has no place for it.
  const mutations = {
    bypass: () => setMode(pick(everywhere(isReal)), 4, "bypass"),
    mute: () => setMode(pick(everywhere(isReal)), 2, "mute"),
    bypass_instance: () => setMode(pick(instances()), 4, "bypass"),
    mute_instance: () => setMode(pick(instances()), 2, "mute"),
    wrap: () => {
      const chosen = pick(everywhere((node) => isReal(node)));
      return chosen && wrap(chosen.graph, chosen.node);
    },
    nest: () => {
      const inside = everywhere(isReal).filter(({ graph }) => graph !== root());
      const chosen = pick(coin() && inside.length ? inside : instances());
      return chosen && wrap(chosen.graph, chosen.node);
    },
    unpack: async () => {
      const chosen = pick(instances());
      if (!chosen) return undefined;
      const said = `unpack ${name(chosen.node)} in ${where(chosen.graph)}`;
      await open(chosen.graph);
      chosen.graph.unpackSubgraph(chosen.node);
      return said;
    },
    // What came before subgraphs; newer editors only read them.
    group_node: async () => {
      const command = "Comfy.GroupNode.ConvertSelectedNodesToGroupNode";
      const commands = app.extensionManager.command;
      const first = pick(root().nodes.filter(isReal));
      const chosen = first && [...around(root(), first, isReal)];
      if (!(chosen?.length > 1) || !commands.commands.some(({ id }) => id === command)) return undefined;
      const said = `make ${chosen.map(name).join(", ")} of the root a group node`;
      await open(root());
      app.canvas.selectItems(chosen);
      const made = commands.execute(command);
      let field;
      for (let tries = 0; tries < 100 && !field; tries++) {
        await frame();
        field = document.querySelector(".prompt-dialog-content input");
      }
      field.value = `a group ${hex(4)}`;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      await frame();
      document.querySelector(".prompt-dialog-content button").click();
      await made;
      await frame();
      return said;
    },
    // The entry of a widget's menu, inside a subgraph.
    promote: async () => {
      const inside = everywhere((node) => settable(node).length).filter(({ graph }) => graph !== root());
      const chosen = pick(inside);
      if (!chosen) return undefined;
      const { graph, node } = chosen;
      const widget = pick(settable(node));
      await open(graph);
      const entries = [];
      node.getWidgetOnPos = () => widget;
      node.getExtraMenuOptions?.(app.canvas, entries);
      delete node.getWidgetOnPos;
      const entry = entries.find((candidate) => /promote/i.test(candidate?.content ?? ""));
      if (!entry) return undefined;
      entry.callback();
      await frame();
      return `${entry.content} of ${name(node)} in ${where(graph)}`;
    },
    // A link drawn from the input panel's empty slot.
    expose: async () => {
      const chosen = pick(openInputs(() => true).filter(({ graph }) => graph !== root()));
      if (!chosen) return undefined;
      const { graph, node, input } = chosen;
      await open(graph);
      const link = graph.inputNode.emptySlot.connect(input, node);
      await frame();
      return link && `expose ${input.name} of ${name(node)} in ${where(graph)}`;
    },
    reroute_node: () => {
      const chosen = pick(allLinks());
      if (!chosen) return undefined;
      return `a Reroute ${between(chosen.graph, chosen, create("Reroute", chosen.graph, chosen.target))}`;
    },
    reroute_point: () => {
      const chosen = pick(allLinks());
      if (!chosen) return undefined;
      const { graph, link, origin, target, slot } = chosen;
      const point = graph.createReroute([target.pos[0] - 60, target.pos[1]], link);
      if (coin()) graph.createReroute([target.pos[0] - 90, target.pos[1]], point);
      // Now and then its end is let go, and the rest of it floats.
      const floats = below(8) === 0;
      if (floats) target.disconnectInput(slot, true);
      return `a point ${floats ? "that floats, once " : ""}on ${name(origin)} to ${name(target)} in ${where(graph)}`;
    },
    instance_value: () => setOne(pick(instances().filter(({ node }) => settable(node).length))),
    inner_value: () =>
      setOne(pick(everywhere((node) => isReal(node) && settable(node).length).filter(({ graph }) => graph !== root()))),
    value: () => setOne(pick(everywhere((node) => isReal(node) && settable(node).length))),
    primitive: () => {
      // The editor itself trips over a PrimitiveNode for a dynamic combo or an upload button.
      const fits = (input) => input.widget && !/^COMFY_DYNAMICCOMBO|UPLOAD$/.test(input.type);
      const chosen = pick(openInputs(fits).filter(({ node, input }) => widgetOf(node, input)));
      if (!chosen) return undefined;
      const { graph, node, input, slot } = chosen;
      const primitive = create("PrimitiveNode", graph, node);
      primitive.connect(0, node, slot);
      const others = openInputs((other) => other.widget && other.type === input.type);
      const also = coin() ? pick(others.filter((other) => other.graph === graph)) : undefined;
      if (also) primitive.connect(0, also.node, also.slot);
      const widget = coin() ? primitive.widgets?.[0] : undefined;
      const set = widget && setWidget(primitive, widget);
      const more = `${also ? ` and ${also.input.name} of ${name(also.node)}` : ""}${set ? `, ${set}` : ""}`;
      return `a PrimitiveNode into ${input.name} of ${name(node)} in ${where(graph)}${more}`;
    },
    constant: () => {
      const chosen = pick(openInputs((input) => input.type in CONSTANTS));
      if (!chosen) return undefined;
      const { graph, node, input, slot } = chosen;
      const constant = create(CONSTANTS[input.type], graph, node);
      const set = setWidget(constant, constant.widgets[0]);
      constant.connect(0, node, slot);
      return `a ${constant.comfyClass} into ${input.name} of ${name(node)} in ${where(graph)}, ${set}`;
    },
    connect: () => {
      const chosen = pick(openInputs((input) => !input.widget));
      if (!chosen) return undefined;
      const { graph, node, input, slot } = chosen;
      const after = downstream(graph, node);
      const outputs = graph.nodes.flatMap((origin) =>
        after.has(origin) || (!isReal(origin) && !isInstance(origin))
          ? []
          : (origin.outputs ?? []).flatMap((output, from) =>
              LiteGraph.isValidConnection(output.type, input.type) ? [{ origin, from }] : [],
            ),
      );
      const from = pick(outputs);
      if (!from) return undefined;
      from.origin.connect(from.from, node, slot);
      return `link ${name(from.origin)} to ${input.name} of ${name(node)} in ${where(graph)}`;
    },
    disconnect: () => {
      const chosen = pick(allLinks());
      if (!chosen) return undefined;
      chosen.target.disconnectInput(chosen.slot);
      return `cut ${name(chosen.origin)} to ${name(chosen.target)} in ${where(chosen.graph)}`;
    },
    second_instance: () => {
      const chosen = pick(instances());
      if (!chosen) return undefined;
      const second = create(chosen.node.type, chosen.graph, chosen.node);
      const wired = wireLike(chosen.graph, chosen.node, second);
      return `a second instance of ${name(chosen.node)} in ${where(chosen.graph)}${wired}`;
    },
    clone_instance: async () => {
      const chosen = pick(instances());
      if (!chosen) return undefined;
      await open(chosen.graph);
      app.canvas.constructor.active_canvas = app.canvas; // as under the mouse
      const pasted = app.canvas.constructor.cloneNodes([chosen.node]);
      const second = pasted?.created.find(isInstance);
      if (!second) return undefined;
      await frame();
      const wired = wireLike(chosen.graph, chosen.node, second);
      return `a copy of ${name(chosen.node)} in ${where(chosen.graph)}${wired}`;
    },
  };

  const uuid = crypto.randomUUID;
  crypto.randomUUID = () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
  const done = [];
  let trying = "loading";
  try {
    await app.loadGraphData(JSON.parse(text));
    await frame();
    for (const kinds of steps) {
      for (const kind of kinds) {
        trying = kind;
        const said = await mutations[kind]();
        if (said) {
          done.push([kind, said]);
          break;
        }
      }
      await frame();
    }
    trying = "saving";
    await open(root());
    return { done, graph: JSON.stringify((await app.graphToPrompt()).workflow, null, 2) };
  } catch (error) {
    // What is on the canvas now is half a change: no file that a user would have.
    return { done, error: `${trying}: ${error.stack ?? error}` };
  } finally {
    crypto.randomUUID = uuid;
  }
}
