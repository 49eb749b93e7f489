// The HTTP clients of the peers: POSTs over connections that are kept open. `dispatch`, the lowest call of undici, is the
// cheapest that Node has to offer; the others are what most would write, and show what that costs.
import { Pool, fetch } from 'undici';

// `post(n, body)` resolves when the answer is complete and 2xx. `{n}` in the path or query of the URL becomes the number
// of the job.
export function target_of(url, { client, connections }) {
  const { origin, pathname, search } = new URL(url);
  const [before, after] = (pathname + search).replace('%7Bn%7D', '{n}').split('{n}');
  const path_of = (n) => (after === undefined ? before : before + n + after);
  const make = clients[client];
  if (!make) throw new Error(`there is no client ${client}; there are ${Object.keys(clients).join(', ')}`);
  const send = make(new Pool(origin, { connections, pipelining: 1 }), origin);
  return { post: (n, body) => send(path_of(n), body) };
}

const method = 'POST';
const headers = { 'content-type': 'application/json' };

const clients = {
  dispatch: (pool) => {
    const header_list = Object.entries(headers).flat();
    return (path, body) =>
      new Promise((resolve, reject) => {
        let status = 0;
        pool.dispatch(
          { method, path, headers: header_list, body },
          {
            onRequestStart() {},
            onResponseStart(_controller, code) {
              status = code;
            },
            onResponseData() {},
            onResponseEnd() {
              if (accepted(status)) resolve();
              else reject(refusal(status));
            },
            onResponseError(_controller, error) {
              reject(error);
            },
          },
        );
      });
  },

  request: (pool) => async (path, body) => {
    const answer = await pool.request({ method, path, headers, body });
    await answer.body.dump();
    if (!accepted(answer.statusCode)) throw refusal(answer.statusCode);
  },

  fetch: (pool, origin) => async (path, body) => {
    const answer = await fetch(origin + path, { method, headers, body, dispatcher: pool });
    await answer.arrayBuffer();
    if (!accepted(answer.status)) throw refusal(answer.status);
  },
};

function accepted(status) {
  return status >= 200 && status < 300;
}

function refusal(status) {
  return new Error(`the target answered ${status}`);
}
