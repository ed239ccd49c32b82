// A session of the mysql2 driver:  mysql2.js WHAT
'use strict';
const mysql = require('mysql2/promise');
const account = { host: process.env.HOST, user: 'app', password: 'app-word', database: 'shop' };

const tasks = {
  async prepared(db) {
    for (let low = 0; low < 60; low += 20) {
      await db.execute('select id, name, credit from customer where id between ? and ?', [low, low + 8]);
    }
    await db.execute('select * from every_type');
    await db.query('create temporary table copy_of_types select * from every_type where false');
    const value = [-7, 40000, 99, -1, '18446744073709551615', 1.25, 2.5, '3.1415926535', '2024-02-29', '-12:30:15.250000',
      '2024-02-29 01:02:03.004005', '2021-06-07 08:09:10', 1999, 'char', 'é'.repeat(90), Buffer.from([0, 255, 1]),
      'x'.repeat(300), 5, 'small', 'green', '{"a": 1}', Buffer.from([1, 2, 3, 4]), '::1',
      '123e4567-e89b-12d3-a456-426655440000', null];
    const places = value.map(() => '?').join(', ');
    await db.execute(`insert into copy_of_types values (${places})`, value);
    await db.execute(`insert into copy_of_types values (${places})`, value.map(() => null));
    await db.execute('select * from copy_of_types');
    await db.execute('update counter set n = n + ? where id = ?', [2, 1]);
    await db.execute('select id from customer where false');
    for (const bad of ['select ? from no_such_table', 'selec ?']) {
      await db.execute(bad, [1]).then(() => { throw new Error('not refused'); }, (e) => console.log(e.code));
    }
    await db.execute('insert into counter values (?, 0)', [1]).catch((e) => console.log(e.code));
    db.unprepare('select * from every_type');
  },
  async session(db) {
    await db.query('set names utf8mb4');
    await db.query('select 1 + 1 as two');
    await db.query('select * from every_type');
    await db.query('select id, note from customer where id <= 30');
    await db.ping();
    await db.beginTransaction();
    await db.query('update counter set n = n + 1 where id = 2');
    await db.rollback();
    await db.query('select * from no_such_table').catch((e) => console.log(e.code));
    await db.changeUser({ user: 'other', password: 'other-word', database: 'shop' });
    await db.query('select current_user()');
    const rows = db.connection.query('select id, name from customer').stream();
    let n = 0;
    for await (const row of rows) n += row.id > 0;
    console.log(n);
  },
};

(async () => {
  const db = await mysql.createConnection(account);
  await tasks[process.argv[2]](db);
  await db.end();
})().catch((e) => { console.error(e); process.exit(1); });
