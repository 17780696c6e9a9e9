// The way to the terminal: the API that every program uses, with the token of this page's session.

const SESSION = "shroff.session";
const PATIENCE = 5000; // ms for an answer that the terminal does not hold back on purpose

/// Nobody answered: what was asked may have been done or not.
export class Lost extends Error {}

/// The terminal said no, with its reasons (RFC 9457).
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.code);
    this.status = status;
    this.code = problem.code;
    this.problem = problem;
  }
}

let signedOut = () => {};
/// What happens when the session has ended.
export const onSignedOut = (act) => { signedOut = act; };
/// Whether there is a session, as far as this page knows.
export const hasSession = () => localStorage.getItem(SESSION) !== null;

/// Asks, and gives the answer's JSON. `token`: another one than the session's, for this call alone. `wait`: seconds the
/// terminal may hold the answer back. `signal`: gives up on the answer. `told`: called with the status of what was done.
export async function ask(method, path, { body, token, wait = 0, signal, told } = {}) {
  const session = localStorage.getItem(SESSION);
  const brought = token ?? session;
  // A header takes no other characters, and no token has them.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) throw new Refused(401, { code: "unauthorized" });
  const headers = brought ? { authorization: `Bearer ${brought}` } : {};
  if (body !== undefined) headers["content-type"] = "application/json";
  const clock = AbortSignal.timeout(wait * 1000 + PATIENCE);
  let status, text;
  try {
    const answer = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store", credentials: "omit",
      redirect: "error", referrerPolicy: "no-referrer", signal: signal ? AbortSignal.any([signal, clock]) : clock,
    });
    status = answer.status;
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Lost();
  }
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch {
    throw new Lost();
  }
  if (status < 400) {
    told?.(status);
    return json;
  }
  if (status === 401 && token === undefined) {
    // Another tab may have signed in anew meanwhile: only the session that was refused is dropped.
    if (localStorage.getItem(SESSION) === session) localStorage.removeItem(SESSION);
    signedOut();
  }
  throw new Refused(status, json ?? { code: "unknown" });
}

export const get = (path, more) => ask("GET", path, more);
export const post = (path, body = {}, more = {}) => ask("POST", path, { ...more, body });

/// Signs in with what was typed or what the link carries: a code of `shroff cashier`, or a token of the terminal.
export async function signIn(typed) {
  const text = typed.trim();
  const before = localStorage.getItem(SESSION);
  const body = text.length < 20 ? { code: text } : { token: text };
  const { session } = await post("/v1/login", body, { token: undefined });
  localStorage.setItem(SESSION, session);
  // The one before is of no use to anybody now.
  if (before && before !== session) ask("POST", "/v1/logout", { token: before }).catch(() => {});
}

/// Ends the session, here and in the terminal.
export async function signOut() {
  await post("/v1/logout");
  localStorage.removeItem(SESSION);
  signedOut();
}
