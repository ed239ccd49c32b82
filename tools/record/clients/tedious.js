// A session of the Node.js driver tedious:  tedious.js TASK
'use strict';
const { Connection, Request, TYPES, BulkLoad } = require('tedious');

function connect(options = {}, password = 'app-word') {
  const c = new Connection({
    server: process.env.HOST,
    authentication: { type: 'default', options: { userName: 'app', password } },
    options: { port: 1433, encrypt: false, trustServerCertificate: true, appName: 'shop-worker', database: 'shop', connectTimeout: 8000, ...options },
  });
  return new Promise((done, fail) => {
    c.on('error', () => {});
    c.connect((e) => (e ? fail(e) : done(c)));
  });
}
const close = (c) => new Promise((done) => { c.on('end', done); c.close(); });

function run(c, how, text, prepare = () => {}) {
  return new Promise((done) => {
    let rows = 0;
    const r = new Request(text, (e, n) => done(e ? e.message : `${n} ${rows}`));
    r.on('row', () => rows++);
    prepare(r);
    c[how](r);
  });
}

const tasks = {
  async requests() {
    const c = await connect();
    console.log(await run(c, 'execSqlBatch', 'select rows 5'));
    console.log(await run(c, 'execSqlBatch', 'select types'));
    console.log(await run(c, 'execSqlBatch', 'select sparse'));
    console.log(await run(c, 'execSqlBatch', 'select two results'));
    console.log(await run(c, 'execSqlBatch', 'select nosuch'));
    console.log(await run(c, 'execSql', 'select rows 3 where a = @a', (r) => {
      r.addParameter('a', TYPES.Int, 5);
      r.addParameter('b', TYPES.NVarChar, 'name');
      r.addParameter('c', TYPES.NVarChar, 'x'.repeat(9000));
      r.addParameter('d', TYPES.DateTime2, new Date(0));
      r.addParameter('e', TYPES.Decimal, 12.5, { precision: 10, scale: 2 });
      r.addParameter('f', TYPES.VarBinary, Buffer.alloc(20));
      r.addParameter('g', TYPES.Bit, null);
      r.addParameter('h', TYPES.UniqueIdentifier, '6F9619FF-8B86-D011-B42D-00C04FC964FF');
      r.addParameter('i', TYPES.Float, 1.25);
      r.addParameter('j', TYPES.Money, 3.5);
      r.addParameter('k', TYPES.Date, new Date(0));
      r.addParameter('l', TYPES.Time, new Date(0));
      r.addParameter('m', TYPES.DateTimeOffset, new Date(0));
      r.addParameter('n', TYPES.BigInt, '12345678901');
      r.addParameter('o', TYPES.Text, 'a text');
      r.addParameter('p', TYPES.VarChar, null);
    }));
    console.log(await run(c, 'callProcedure', 'shop.orders rows 4', (r) => {
      r.addParameter('a', TYPES.Int, 1);
      r.addOutputParameter('b', TYPES.Int);
    }));
    console.log(await run(c, 'execSqlBatch', '-- ' + 'y'.repeat(9000) + '\nselect rows 2'));
    await close(c);
  },
  async tables() {
    const c = await connect();
    const table = {
      columns: [{ name: 'id', type: TYPES.Int }, { name: 'name', type: TYPES.NVarChar, length: 50 }, { name: 'text', type: TYPES.NVarChar, length: Infinity }],
      rows: [[1, 'one', 'x'], [2, null, 'z'.repeat(5000)], [null, 'three', null]],
    };
    console.log(await run(c, 'callProcedure', 'shop.take', (r) => r.addParameter('t', TYPES.TVP, table)));
    console.log(await run(c, 'callProcedure', 'shop.take', (r) => r.addParameter('t', TYPES.TVP, { columns: table.columns, rows: [] })));
    await close(c);
  },
  async transaction() {
    const c = await connect();
    const step = (what, ...a) => new Promise((done) => c[what]((e) => done(console.log(what, e && e.message)), ...a));
    await step('beginTransaction', 'first');
    console.log(await run(c, 'execSqlBatch', 'insert into a'));
    await step('commitTransaction');
    await step('beginTransaction', 'second');
    await step('saveTransaction', 'here');
    await step('rollbackTransaction');
    await close(c);
  },
  async prepared() {
    const c = await connect();
    const r = new Request('select rows 2 where a = @a', () => {});
    r.addParameter('a', TYPES.Int);
    await new Promise((done) => { r.on('prepared', done); c.prepare(r); });
    for (let i = 0; i < 3; i++) await new Promise((done) => { r.userCallback = done; r.callback = done; c.execute(r, { a: i }); });
    await new Promise((done) => { r.callback = done; c.unprepare(r); });
    await close(c);
  },
  async bulk() {
    const c = await connect({ packetSize: 8192 });
    await new Promise((done) => {
      const b = c.newBulkLoad('orders', (e, n) => done(console.log(e ? e.message : n)));
      b.addColumn('id', TYPES.Int, { nullable: false });
      b.addColumn('name', TYPES.NVarChar, { length: 50, nullable: true });
      b.addColumn('text', TYPES.VarChar, { length: Infinity, nullable: true });
      c.execBulkLoad(b, Array.from({ length: 400 }, (_, i) => [i, i % 3 ? `name ${i}` : null, i % 50 ? null : 'x'.repeat(10000)]));
    });
    console.log(await run(c, 'execSqlBatch', 'select rows 700'));
    await close(c);
  },
  async cancel() {
    const c = await connect();
    console.log(await new Promise((done) => {
      const r = new Request('waitfor delay', (e) => done(e && e.message));
      c.execSqlBatch(r);
      setTimeout(() => c.cancel(), 200);
    }));
    console.log(await run(c, 'execSqlBatch', 'select rows 1'));
    await close(c);
  },
  async refused() {
    await connect({}, 'not-the-word').catch((e) => console.log(e.message));
  },
  async reset() {
    const c = await connect();
    console.log(await run(c, 'execSqlBatch', 'select rows 1'));
    await new Promise((done) => c.reset(done));
    console.log(await run(c, 'execSqlBatch', 'select rows 1'));
    await close(c);
  },
  async encrypted(how) {
    const c = await connect({ encrypt: how === 'strict' ? 'strict' : true });
    console.log(await run(c, 'execSqlBatch', 'select rows 5'));
    await close(c);
  },
  async versions() {
    for (const tdsVersion of ['7_1', '7_2', '7_3_A', '7_3_B', '7_4']) {
      const c = await connect({ tdsVersion });
      console.log(tdsVersion, await run(c, 'execSqlBatch', 'select types'), await run(c, 'execSqlBatch', 'select rows 3'));
      await close(c);
    }
  },
};
void BulkLoad;
tasks[process.argv[2]](process.argv[3]).catch((e) => { console.error(e); process.exit(1); });
