// graphile-worker: a local queue fed in batches, completions in batches, prepared statements, a logger that says nothing.
// A completed job is deleted.
import { Logger, WorkerPreset, run, runMigrations } from 'graphile-worker';
import { measure } from './peer.mjs';

const logger = new Logger(() => () => {});
const preset_of = (url, worker) => ({
  extends: [WorkerPreset],
  worker: { connectionString: url, logger, ...worker },
});

await measure({
  name: 'graphile-worker',
  settings: {
    processes: 1,
    client: 'dispatch',
    connections: 100,
    concurrency: 100,
    local_queue: 5000,
    complete_delay: 5, // ms
    fail_delay: 5, // ms
    pool: 10,
  },

  async store(url, pool, jobs, body) {
    await runMigrations({ preset: preset_of(url) });
    await pool.query(
      `select count(*) from graphile_worker.add_jobs(array(
         select ('post', json_build_object('n', n, 'body', $2::text), null, null, 1, null, null, null)::graphile_worker.job_spec
         from generate_series(0, $1::int - 1) n))`,
      [jobs, body],
    );
  },

  async work(url, settings, deliver, fail) {
    const runner = await run({
      preset: preset_of(url, {
        concurrentJobs: settings.concurrency,
        maxPoolSize: settings.pool,
        ...(settings.local_queue > 0 && { localQueue: { size: settings.local_queue } }),
        completeJobBatchDelay: settings.complete_delay,
        failJobBatchDelay: settings.fail_delay,
      }),
      taskList: { post: deliver },
      noHandleSignals: true,
    });
    runner.promise.catch(fail);
  },

  async stored(pool) {
    const { rows } = await pool.query('select exists (select from graphile_worker._private_jobs) as left');
    return !rows[0].left;
  },
});
