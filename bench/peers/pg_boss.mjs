// pg-boss: every worker takes a batch, does its POSTs at once and completes it as a whole. Between batches it would sleep
// until its polling interval (0.5 s at least) is over; notifyWorker makes it go on. Maintenance and cron are off.
import PgBoss from 'pg-boss';
import { measure } from './peer.mjs';

const queue = 'post';
const boss_of = (url, max) => new PgBoss({ connectionString: url, max, supervise: false, schedule: false });

await measure({
  name: 'pg-boss',
  settings: {
    processes: 1,
    client: 'dispatch',
    connections: 100,
    workers: 2,
    batch: 5000,
    pool: 10,
    notify: 1, // 0: sleep between batches
  },

  async store(url, pool, jobs, body) {
    const boss = boss_of(url, 1);
    await boss.start();
    await boss.createQueue(queue, { retryLimit: 0 });
    await boss.stop({ graceful: false });
    await pool.query(
      `insert into pgboss.job (name, data, retry_limit)
       select $1, jsonb_build_object('n', n, 'body', $3::text), 0 from generate_series(0, $2::int - 1) n`,
      [queue, jobs, body],
    );
  },

  async work(url, settings, deliver, fail) {
    const boss = boss_of(url, settings.pool);
    boss.on('error', fail);
    await boss.start();
    for (let i = 0; i < settings.workers; ++i) {
      const id = await boss.work(
        queue,
        { batchSize: settings.batch, pollingIntervalSeconds: 0.5, priority: false },
        async (jobs) => {
          await Promise.all(jobs.map((job) => deliver(job.data)));
          if (settings.notify) boss.notifyWorker(id);
        },
      );
    }
  },

  async stored(pool, jobs) {
    const { rows } = await pool.query(
      "select count(*)::int as completed from pgboss.job where name = $1 and state = 'completed'",
      [queue],
    );
    return rows[0].completed === jobs;
  },
});
