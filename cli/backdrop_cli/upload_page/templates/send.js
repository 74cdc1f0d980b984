// The upload: for each photo, the command writes the sidecar and returns a form; the photo goes directly to the bucket.

const MAX_ATTEMPTS = 3;
const RETRY_DELAY_MS = 1000;
const S3_FILENAME_VARIABLE = "${filename}";
const sending = new Map();
const failed = new Map();

async function send(agreed) {
  const sent = new Map([...photos.values()].map((photo) => [photo.name, photo]));
  const { plan: number, rows } = plan;
  plan = null;
  byId("send").disabled = true;
  try {
    const { drop, keys } = await requestJson("start", { plan: number, agreed });
    const keysToSend = new Set(keys);
    const pairs = rows.filter((row) => keysToSend.has(row.key)).map((row) => [row.key, sent.get(row.name)]);
    for (const row of rows.filter((row) => !row.problems.length)) removePhoto(sent.get(row.name));
    duplicateCount = 0;
    showChoice(null);
    showChosen();
    requestPrice();
    byId("under-way").hidden = false;
    watch();
    byId("under-way-title").scrollIntoView({ block: "start" });
    await upload(drop, pairs);
  } catch (error) {
    showText(byId("price-error"), error.message);
  }
}

async function upload(drop, pairs) {
  for (const [key] of pairs) sending.set(`${drop} ${key}`, key);
  await runConcurrently(pairs, MAX_CONCURRENT_FILES, async ([key, photo]) => {
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
  for (let n = 1; n <= MAX_ATTEMPTS; n += 1) {
    try {
      const { form } = await requestJson("form", { drop, key });
      if (!form) return "";
      problem = await post(form, photo.file);
      const { arrived } = await requestJson("arrived", { drop, key });
      if (arrived) return "";
      problem ||= "The photo did not arrive in the bucket.";
    } catch (error) {
      problem = error.message;
    }
    if (n < MAX_ATTEMPTS) await new Promise((done) => setTimeout(done, n * RETRY_DELAY_MS));
  }
  return problem;
}

/** Sends the photo. The response cannot be read, because it has another origin: the command checks the bucket. */
async function post(form, file) {
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  body.append("file", file, S3_FILENAME_VARIABLE);
  try {
    await fetch(form.url, { method: "POST", mode: "no-cors", credentials: "omit", body });
    return "";
  } catch {
    return "The upload was interrupted.";
  }
}

function retryUploads(drop) {
  const failures = [...failed.values()].filter((one) => one.drop === drop);
  for (const one of failures) failed.delete(`${drop} ${one.key}`);
  upload(drop, failures.map(({ key, photo }) => [key, photo]));
}

addEventListener("beforeunload", (event) => { if (sending.size) event.preventDefault(); });
