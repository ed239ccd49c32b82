// A session of MariaDB's own Node.js driver:  mariadb.js WHAT
'use strict';
const mariadb = require('mariadb');
const account = { host: process.env.HOST, user: 'app', password: 'app-word', database: 'shop', bulk: true };

const tasks = {
  async session(db) {
    console.log(db.serverVersion());
    await db.query('select id, name, credit from customer limit 20');
    await db.query('select * from every_type');
    await db.query('insert into incoming values (?, ?, ?)', [1, 'a "quoted" word', 1.5]);
    await db.execute('select id, name from customer where town = ?', ['Porto']);
    await db.execute('select * from every_type');
    await db.ping();
    await db.beginTransaction();
    await db.query('delete from incoming');
    await db.commit();
    await db.reset();
    await db.query('selec nonsense').catch((e) => console.log(e.code));
    let n = 0;
    for await (const row of db.queryStream('select * from orders limit 200')) n += row.id > 0;
    await db.changeUser({ user: 'other', password: 'other-word', database: 'shop' });
    await db.query('select current_user()');
    console.log(n);
  },
  async bulk(db) {
    const rows = Array.from({ length: 400 }, (_, i) => [i, `word ${i} ${'w'.repeat(i % 40)}`, i + 0.25]);
    const done = await db.batch('insert into incoming values (?, ?, ?)', rows);
    if (done.affectedRows !== rows.length) throw new Error('wrong number of rows');
    await db.batch('insert into incoming values (?, ?, ?)', [[1, null, null], [null, 'only a word', 2.5], [3, 'x', null]]);
    await db.batch('update incoming set amount = ? where id = ?', rows.slice(0, 30).map(([id]) => [id, id]));
    await db.batch('insert into counter values (?, ?)', [[7, 0], [1, 0], [8, 0]]).catch((e) => console.log(e.code));
    await db.query('delete from counter where id > 2');
    await db.query('delete from incoming');
  },
  async pipelined(db) {
    // The first one is slow, so that the others are sent behind it.
    const many = [db.query('select sleep(0.3)')];
    for (let i = 0; i < 25; i++) many.push(db.query(`select ${i} as n, 'text'`));
    for (let i = 0; i < 25; i++) many.push(db.execute('select id, name from customer where id = ?', [i]));
    many.push(db.query('select * from no_such_table').catch((e) => console.log(e.code)));
    many.push(db.query('update counter set n = n + 1'));
    many.push(db.ping());
    many.push(db.query('select * from orders limit 40'));
    await Promise.all(many);
  },
};

(async () => {
  const what = process.argv[2];
  const db = await mariadb.createConnection({ ...account, pipelining: what === 'pipelined' });
  await tasks[what](db);
  await db.end();
})().catch((e) => { console.error(e); process.exit(1); });
