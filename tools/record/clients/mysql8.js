// What the driver mysql2 does with a server like MySQL 8.
'use strict';
const mysql = require('mysql2/promise');

async function main() {
  for (const more of [{}, {}, { compress: true }, { multipleStatements: true }]) {
    const db = await mysql.createConnection({ host: process.env.HOST, port: 3310, user: 'app', password: 'app-word', database: 'shop', ...more });
    console.log((await db.query('select rows 4'))[0].length);
    console.log((await db.execute('select rows 3 where a = ? and b = ?', [1, 'é']))[0].length);
    console.log((await db.execute('select rows 3 where a = ? and b = ?', [null, Buffer.alloc(400)]))[0].length);
    await db.query('use other');
    await db.query('set autocommit = 1');
    await db.query('select * from nosuch').catch((e) => console.log(e.code));
    await db.execute('select ? from nosuch', [1]).catch((e) => console.log(e.code));
    if (more.multipleStatements) console.log((await db.query('select 1; select rows 2; update t'))[0].length);
    await db.beginTransaction();
    await db.commit();
    await db.ping();
    await db.changeUser({ user: 'app', password: 'app-word', database: 'shop' });
    if (db.reset) await db.reset();
    console.log((await db.query('select wide'))[0][0].wide.length);
    await db.end();
  }
}

main().catch((e) => { console.error(e); process.exit(1); });
