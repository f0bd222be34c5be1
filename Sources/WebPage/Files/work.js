// How is work asked for that takes seconds, and how far is it?
//
// The service tells its progress as it goes on and gives the result at the end. Whoever aborts the request ends the work.

import { Refusal, send, Silence } from "./api.js";
import { button, h } from "./dom.js";
import { count } from "./format.js";
import { read } from "./live.js";
import { note } from "./parts.js";

/** The result. `progress({stage, done, total})` is called now and then. */
export async function work(path, { body, type, signal, progress }) {
  const response = await send(path, { method: "POST", body, type, accept: "text/event-stream", signal });
  let result;
  let problem = null;
  await read(response.body, (id, event, data) => {
    if (event === "progress") progress(data);
    else if (event === "result") result = data;
    else if (event === "problem") problem = data;
  });
  if (problem) throw new Refusal(problem.status, problem);
  if (result === undefined) throw new Silence("the service ended before it was done");
  return result;
}

/** What is shown meanwhile. `words` has a sentence for each stage. */
export const progressBar = ({ stage, done, total } = {}, words, cancel) =>
  h("div", { class: "progress", role: "status" },
    h("progress", { max: String(Math.max(1, total ?? 1)), value: total ? done : null, "aria-label": "Progress" }),
    note(stage ? `${words[stage] ?? stage}: ${count(done)} of ${count(total)}` : "Asking …"), button("Cancel", cancel));
