// Facts about a picture as a list of names and values.

function pairs(rows) {
  const list = document.createElement("dl");
  for (const [name, words] of rows) {
    const row = document.createElement("div");
    const value = createTextElement("dd", "", words);
    value.dir = "auto";
    row.append(createTextElement("dt", "", name), value);
    list.append(row);
  }
  return list;
}

/** Returns the instructions, each group with where it comes from. */
function* describeInstructions(entry) {
  yield createTextElement("h3", "", "Instructions");
  for (const [origin, rows] of entry.instructions) {
    yield pairs(rows);
    if (origin) yield createTextElement("p", "origin", "from " + origin);
  }
}
