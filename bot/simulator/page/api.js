// The control API: one function per question, and the live event stream.

async function request(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(`control/${path}`, options);
  } catch {
    throw new Error("The simulator does not answer.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `The simulator answered ${response.status}.`);
  return answer;
}

/** The world as `viewer` sees it; without a viewer, all of it. */
export const readState = (viewer) => request(viewer ? `state?viewer=${viewer}` : "state");
export const readCalls = (after) => request(`calls?after=${after}&limit=500`);
export const act = async (action, user, details) => (await request("act", { action, user, ...details })).result;
export const moveClock = (seconds) => request("clock", { advance: seconds });
export const changeFaults = (change) => request("faults", change);
export const resetWorld = () => request("reset", {});

/** Follow the event stream for ever; `on.link(live)` says whether it stands. */
export function follow(on) {
  const source = new EventSource("control/events");
  source.onopen = () => on.link(true);
  source.onerror = () => {
    on.link(false);
    // The browser retries a broken stream by itself, but gives up after an HTTP error.
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      setTimeout(() => follow(on), 2000);
    }
  };
  for (const kind of ["changed", "call", "answer"]) {
    source.addEventListener(kind, (event) => on[kind](JSON.parse(event.data)));
  }
}
