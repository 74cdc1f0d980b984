// The upload: for each photo, the command writes the sidecar and returns a form; the photo goes directly to the bucket.

const TRIES = 3;
const PATIENCE = 1000;
const AS_IT_IS = "${filename}";
const sending = new Map();
const failed = new Map();

async function send(agreed) {
  const sent = new Map([...photos.values()].map((photo) => [photo.name, photo]));
  const { plan: number, rows } = plan;
  plan = null;
  byId("send").disabled = true;
  try {
    const { drop, keys } = await ask("start", { plan: number, agreed });
    const going = new Set(keys);
    const mine = rows.filter((row) => going.has(row.key)).map((row) => [row.key, sent.get(row.name)]);
    for (const row of rows.filter((row) => !row.problems.length)) forget(sent.get(row.name));
    doubles = 0;
    showChoice(null);
    showChosen();
    askPrice();
    byId("under-way").hidden = false;
    watch();
    byId("under-way-title").scrollIntoView({ block: "start" });
    await upload(drop, mine);
  } catch (error) {
    showText(byId("price-error"), error.message);
  }
}

async function upload(drop, pairs) {
  for (const [key] of pairs) sending.set(`${drop} ${key}`, key);
  await sideBySide(pairs, AT_ONCE, async ([key, photo]) => {
    const problem = await uploadOne(drop, key, photo);
    sending.delete(`${drop} ${key}`);
    if (problem) failed.set(`${drop} ${key}`, { drop, key, photo, problem });
    else failed.delete(`${drop} ${key}`);
  });
  watch();
}

/** Uploads one photo; returns "" or why it failed. Every try gets a new form, because forms expire. */
async function uploadOne(drop, key, photo) {
  let problem = "";
  for (let n = 1; n <= TRIES; n += 1) {
    try {
      const { form } = await ask("form", { drop, key });
      if (!form) return "";
      problem = await post(form, photo.file);
      const { arrived } = await ask("arrived", { drop, key });
      if (arrived) return "";
      problem ||= "The photo did not arrive in the bucket.";
    } catch (error) {
      problem = error.message;
    }
    if (n < TRIES) await new Promise((done) => setTimeout(done, n * PATIENCE));
  }
  return problem;
}

/** Sends the photo. The response cannot be read, because it has another origin: the command checks the bucket. */
async function post(form, file) {
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  body.append("file", file, AS_IT_IS);
  try {
    await fetch(form.url, { method: "POST", mode: "no-cors", credentials: "omit", body });
    return "";
  } catch {
    return "The upload was interrupted.";
  }
}

function tryAgain(drop) {
  const mine = [...failed.values()].filter((one) => one.drop === drop);
  for (const one of mine) failed.delete(`${drop} ${one.key}`);
  upload(drop, mine.map(({ key, photo }) => [key, photo]));
}

addEventListener("beforeunload", (event) => { if (sending.size) event.preventDefault(); });
