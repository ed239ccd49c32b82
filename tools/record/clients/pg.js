// A session of the node-postgres driver:  pg.js WHAT
'use strict';
const { Client } = require('pg');
const QueryStream = require('pg-query-stream');
const copy = require('pg-copy-streams');
const { pipeline } = require('stream/promises');
const { Readable, Writable } = require('stream');
const account = { host: process.env.HOST, user: 'app', password: 'app-word', database: 'shop', ssl: false };

const tasks = {
  async session(db) {
    await db.query('select 1 as a; select 2 as b; begin; rollback');
    await db.query('select * from every_type');
    for (let i = 0; i < 6; i++) {
      await db.query({ name: `named-${i % 2}`, text: `select id, name from customer where id > $1 limit ${1 + i % 2}`, values: [i] });
    }
    await db.query('select $1::int / 0', [1]).catch((e) => console.log(e.code));
    await db.query('select 1; select * from no_such_table; select 2').catch((e) => console.log(e.code));
    await db.query({ text: 'select id, credit, since from customer limit 5', binary: true });
    await db.query("select $1::bytea, $2::jsonb, $3::int[]", [Buffer.from([0, 255]), { k: 1 }, [1, 2, 3]]);
    await db.query('');
    const sink = new Writable({ write(chunk, _, done) { done(); } });
    await pipeline(Readable.from(['1\tone\t1\n', '2\ttwo\t2\n']), db.query(copy.from('copy incoming from stdin')));
    await pipeline(db.query(copy.to('copy incoming to stdout')), sink);
    await pipeline(Readable.from(['wrong\n']), db.query(copy.from('copy incoming from stdin'))).catch((e) => console.log(e.code));
    await db.query('truncate incoming');
  },
  async portals(db) {
    const read = async (sql, values, batchSize, enough) => {
      const stream = db.query(new QueryStream(sql, values, { batchSize }));
      let n = 0;
      for await (const row of stream) {
        n += row.id > 0;
        if (n === enough) break;
      }
      console.log(n);
    };
    await read('select id, name from customer', [], 30);
    await read('select id, placed from orders where id > $1', [500], 25);
    await read('select id from customer', [], 20, 45);
    await read('select id from customer where false', [], 10);
    await read('select 1 / (id - 50) as id from customer', [], 20).catch((e) => console.log(e.code));
    await db.query('select 1');
  },
};

(async () => {
  const db = new Client(account);
  await db.connect();
  await tasks[process.argv[2]](db);
  await db.end();
})().catch((e) => { console.error(e); process.exit(1); });
