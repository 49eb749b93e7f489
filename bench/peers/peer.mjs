// What every peer is measured by: N jobs are stored in a fresh database, then worker processes do one POST for each, and
// the clock runs until the last result is stored. A peer is a module that calls `measure` with what is its own:
//
//   name      of its npm package
//   settings  its best ones; `processes`, and what the HTTP client of each process is (`client`, `connections`), are read here
//   store     (url, pool, jobs, body) makes its schema and `jobs` jobs, the payload of each {n: 0…jobs-1, body}
//   work      (url, settings, deliver, fail) starts its worker in this process; a job is done when deliver(payload) is
//             resolved, and what goes wrong is told by fail(error)
//   stored    (pool, jobs) → whether the results of all jobs are in the database
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { target_of } from './target.mjs';

const progress_interval = 20; // ms
const stall_limit = 60_000; // ms without a delivery

export async function measure(peer) {
  if (process.send) {
    await be_worker(peer);
    return;
  }
  try {
    console.log(JSON.stringify(await in_fresh_database(peer, options_of(peer))));
  } catch (error) {
    console.error(`${peer.name}: ${error.message}`);
    process.exitCode = 1;
  }
}

function options_of(peer) {
  const { values } = parseArgs({
    options: {
      database: { type: 'string' },
      target: { type: 'string' },
      jobs: { type: 'string', default: '50000' },
      body: { type: 'string', default: '200' },
      set: { type: 'string', multiple: true, default: [] },
    },
  });
  if (!values.database || !values.target) {
    throw new Error('needs --database URL and --target URL; takes --jobs N, --body BYTES and --set SETTING=VALUE');
  }
  const settings = { ...peer.settings };
  for (const pair of values.set) {
    const [name, value] = pair.split('=');
    if (!(name in settings)) throw new Error(`has no setting ${name}; there are ${Object.keys(settings).join(', ')}`);
    settings[name] = typeof settings[name] === 'number' ? whole_number(`--set ${name}`, value, -1) : value;
  }
  return {
    database: values.database,
    target: values.target,
    jobs: whole_number('--jobs', values.jobs, 1),
    body: 'x'.repeat(whole_number('--body', values.body, 0)),
    settings,
  };
}

function whole_number(name, text, least) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new Error(`${name} must be a whole number of at least ${least}`);
  return value;
}

function version_of(name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
}

// ---- the measuring process

async function in_fresh_database(peer, options) {
  const name = `peer_${peer.name.replaceAll('-', '_')}_${randomBytes(4).toString('hex')}`;
  const admin = new pg.Client({ connectionString: options.database });
  await admin.connect();
  try {
    await admin.query(`create database ${name}`);
    const fresh = new URL(options.database);
    fresh.pathname = `/${name}`;
    return await run(peer, { ...options, database: fresh.href });
  } finally {
    await admin.query(`drop database if exists ${name} with (force)`);
    await admin.end();
  }
}

async function run(peer, options) {
  const pool = new pg.Pool({ connectionString: options.database, max: 1 });
  pool.on('error', () => {}); // a lost connection is told by the next query
  try {
    await peer.store(options.database, pool, options.jobs, options.body);
    await pool.query('vacuum analyze');
    return await drain(peer, pool, options);
  } finally {
    await pool.end();
  }
}

async function drain(peer, pool, options) {
  const workers = Array.from({ length: options.settings.processes }, () => new WorkerProcess());
  try {
    await Promise.all(workers.map((worker) => worker.tell({ options }, 'ready')));
    const began = process.hrtime.bigint();
    for (const worker of workers) worker.send({ start: true });
    await all_delivered(workers, options.jobs);
    await all_stored(peer, pool, workers, options.jobs);
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    const reports = await Promise.all(workers.map((worker) => worker.tell({ report: true }, 'report')));
    check_deliveries(reports, options.jobs);
    return {
      peer: peer.name,
      version: version_of(peer.name),
      jobs: options.jobs,
      seconds: Number(seconds.toFixed(3)),
      per_second: Math.round(options.jobs / seconds),
      settings: options.settings,
      cpu_seconds: Number(reports.reduce((sum, report) => sum + report.cpu_seconds, 0).toFixed(3)),
    };
  } finally {
    for (const worker of workers) worker.kill();
  }
}

async function all_delivered(workers, jobs) {
  let before = 0;
  let changed = Date.now();
  for (;;) {
    const delivered = delivered_by(workers);
    if (delivered >= jobs) return;
    if (delivered > before) {
      before = delivered;
      changed = Date.now();
    } else if (Date.now() - changed > stall_limit) {
      throw new Error(`nothing was delivered for ${stall_limit / 1000} s; ${jobs - delivered} of ${jobs} jobs are left`);
    }
    await pause(progress_interval);
  }
}

async function all_stored(peer, pool, workers, jobs) {
  const deadline = Date.now() + stall_limit;
  while (!(await peer.stored(pool, jobs))) {
    delivered_by(workers); // throws what went wrong there
    if (Date.now() > deadline) throw new Error(`all was delivered, but not all results were stored`);
    await pause(5);
  }
}

function delivered_by(workers) {
  let sum = 0;
  for (const worker of workers) {
    if (worker.failure) throw new Error(worker.failure);
    sum += worker.delivered;
  }
  return sum;
}

function check_deliveries(reports, jobs) {
  let lost = 0;
  let repeated = 0;
  for (let n = 0; n < jobs; ++n) {
    const times = reports.reduce((sum, report) => sum + report.times[n], 0);
    if (times === 0) ++lost;
    if (times > 1) ++repeated;
  }
  if (lost > 0 || repeated > 0) throw new Error(`of ${jobs} jobs ${lost} were lost and ${repeated} delivered repeatedly`);
}

function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

// A forked copy of this program, which finds itself in `be_worker`.
class WorkerProcess {
  delivered = 0;
  failure = null;
  #process = fork(process.argv[1], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production', NO_LOG_SUCCESS: '1' }, // the latter is graphile-worker's: no log line is built
  });
  #answer = null; // to what was told last: {kind, resolve, reject}

  constructor() {
    this.#process.on('message', (message) => {
      if (message.failure) this.#fail(message.failure);
      if (message.delivered) this.delivered = message.delivered;
      if (this.#answer && message[this.#answer.kind]) this.#answer.resolve(message[this.#answer.kind]);
    });
    this.#process.on('error', (error) => this.#fail(error.message));
    this.#process.on('exit', (code, signal) => this.#fail(`a worker process ended: ${signal ?? `exit code ${code}`}`));
  }

  send(message) {
    if (this.#process.connected) this.#process.send(message);
  }

  // Sends a message and waits for the answer of this kind.
  tell(message, kind) {
    return new Promise((resolve, reject) => {
      this.#answer = { kind, resolve, reject };
      if (this.failure) reject(new Error(this.failure));
      this.send(message);
    });
  }

  kill() {
    this.#process.kill('SIGKILL'); // its database is dropped; there is nothing to end in order
  }

  #fail(reason) {
    this.failure ??= reason;
    this.#answer?.reject(new Error(this.failure));
  }
}

// ---- a worker process

async function be_worker(peer) {
  const fail = (error) => process.send({ failure: error?.message ?? String(error) });
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  process.on('disconnect', () => process.exit(1)); // the measuring process is gone

  let options, target, times, began;
  let delivered = 0;
  const deliver = async (payload) => {
    try {
      await target.post(payload.n, payload.body);
    } catch (error) {
      fail(error);
      throw error;
    }
    ++times[payload.n];
    ++delivered;
  };

  process.on('message', async (message) => {
    if (message.options) {
      options = message.options;
      times = new Uint8Array(options.jobs);
      target = target_of(options.target, options.settings);
      process.send({ ready: true });
    } else if (message.start) {
      began = process.cpuUsage();
      setInterval(() => process.send({ delivered }), progress_interval);
      await peer.work(options.database, options.settings, deliver, fail);
    } else if (message.report) {
      const { user, system } = process.cpuUsage(began);
      process.send({ report: { times, cpu_seconds: (user + system) / 1e6 } });
    }
  });
}
