// Much work for the small Oracle server with node-oracledb: load_tns.js HOST ROUNDS
'use strict';
const oracledb = require('oracledb');
const [host, rounds] = process.argv.slice(2);

async function worker(part) {
  const open = () => oracledb.getConnection({ user: 'scott', password: 'tiger-77', connectString: `${host}:1521/orders?sdu=${part % 2 ? 8192 : 32768}` });
  let c = await open();
  for (let i = 0; i < Number(rounds); i++) {
    try {
      switch (i % 7) {
      case 0: await c.execute('insert into customers (id, name) values (:1, :2)', [i, 'n'.repeat(i % 4000)], { autoCommit: i % 2 === 0 }); break;
      case 1: await c.execute('select id from missing').catch(() => 0); break;
      case 2: await c.ping(); break;
      case 3: await c.execute(`select id, name from customers where rownum <= ${i % 90 + 1}`, [], { fetchArraySize: 10, prefetchRows: 2 }); break;
      case 4: await (i % 2 ? c.commit() : c.rollback()); break;
      default: await c.execute('select id, name from customers where rownum <= 1');
      }
      if (i % 3000 === 2999) { await c.close(); c = await open(); }
    } catch (e) { c = await open(); }
  }
  await c.close();
}

Promise.all([0, 1].map(worker)).catch((e) => { console.error(e); process.exit(1); });
