// Opens a graph file as if it had been dropped on the canvas, and asks the editor what it would queue.
async (text) => {
  const graph = JSON.parse(text);
  try {
    await app.loadGraphData(graph);
  } catch (error) {
    return { error: `loading: ${error}` };
  }
  // Loading swallows errors: what did not reach the canvas is counted.
  const lost = (graph.nodes ?? []).length - (app.rootGraph ?? app.graph).nodes.length;
  try {
    // As text: an object would come over without -0 and with its numbers read anew.
    return { lost, prompt: JSON.stringify((await app.graphToPrompt()).output) };
  } catch (error) {
    return { lost, error: `making the prompt: ${error}` };
  }
}
