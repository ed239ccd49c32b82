// Much work for the small TDS server with tedious: load_tds.js ROUNDS VERSION PACKET_SIZE
'use strict';
const { Connection, Request, TYPES, ISOLATION_LEVEL } = require('tedious');
const rounds = Number(process.argv[2]);
const [tdsVersion, packetSize] = [process.argv[3], Number(process.argv[4])];

let seed = 7 * packetSize + rounds;
function random(n) {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return Math.floor(seed / 65536) % n;
}

function connect() {
  const c = new Connection({
    server: process.env.HOST,
    authentication: { type: 'default', options: { userName: 'app', password: 'app-word' } },
    options: { port: 1433, encrypt: false, trustServerCertificate: true, appName: 'load', database: 'shop', tdsVersion, packetSize, connectTimeout: 20000,
      useColumnNames: false, rowCollectionOnRequestCompletion: false, requestTimeout: 60000 },
  });
  return new Promise((done, fail) => {
    c.on('error', () => {});
    c.connect((e) => (e ? fail(e) : done(c)));
  });
}

function run(c, how, text, prepare = () => {}) {
  return new Promise((done) => {
    const r = new Request(text, (e) => done(e));
    prepare(r);
    c[how](r);
  });
}

const parameters = [
  (r, n) => r.addParameter(n, TYPES.Int, random(1000)), (r, n) => r.addParameter(n, TYPES.NVarChar, 'x'.repeat(random(50))),
  (r, n) => r.addParameter(n, TYPES.NVarChar, 'x'.repeat(tdsVersion === '7_1' ? 3900 : 9000)), // there was nothing longer in 7.1 (r, n) => r.addParameter(n, TYPES.VarChar, null), (r, n) => r.addParameter(n, TYPES.Bit, random(2) === 1),
  (r, n) => r.addParameter(n, TYPES.Decimal, 12.5, { precision: 10, scale: 2 }), (r, n) => r.addParameter(n, TYPES.VarBinary, Buffer.alloc(random(100))),
  (r, n) => r.addParameter(n, TYPES.UniqueIdentifier, '6F9619FF-8B86-D011-B42D-00C04FC964FF'), (r, n) => r.addParameter(n, TYPES.Float, 1.25),
  (r, n) => r.addParameter(n, TYPES.Real, 1.25), (r, n) => r.addParameter(n, TYPES.Money, 3.5), (r, n) => r.addParameter(n, TYPES.SmallMoney, -3.5),
  (r, n) => r.addParameter(n, TYPES.BigInt, '12345678901'), (r, n) => r.addParameter(n, TYPES.SmallInt, 7), (r, n) => r.addParameter(n, TYPES.TinyInt, null),
  (r, n) => r.addParameter(n, TYPES.Text, 'a text'), (r, n) => r.addParameter(n, TYPES.Image, Buffer.alloc(3000)), (r, n) => r.addParameter(n, TYPES.DateTime, new Date(0)),
  (r, n) => r.addParameter(n, TYPES.SmallDateTime, new Date(0)), (r, n) => r.addParameter(n, TYPES.Char, 'abc'), (r, n) => r.addParameter(n, TYPES.NChar, 'abc'),
  (r, n) => r.addParameter(n, TYPES.Binary, Buffer.from([1, 2])), (r, n) => r.addOutputParameter(n, TYPES.Int),
  (r, n) => r.addOutputParameter(n, TYPES.NVarChar, 'in and out'),
].concat(tdsVersion >= '7_3' ? [
  (r, n) => r.addParameter(n, TYPES.Date, new Date(0)), (r, n) => r.addParameter(n, TYPES.Time, new Date(0)), (r, n) => r.addParameter(n, TYPES.DateTime2, new Date(0), { scale: random(8) }),
  (r, n) => r.addParameter(n, TYPES.DateTimeOffset, null),
  (r, n) => r.addParameter(n, TYPES.TVP, { columns: [{ name: 'id', type: TYPES.Int }, { name: 'text', type: TYPES.NVarChar, length: Infinity }, { name: 'd', type: TYPES.Decimal, precision: 9, scale: 1 }],
    rows: Array.from({ length: random(6) }, (_, i) => [i % 2 ? null : i, 'z'.repeat(random(3000)), i === 3 ? null : 2.5]) }),
] : []);

async function main() {
  let c = await connect();
  for (let i = 0; i < rounds; i++) {
    const mix = `select mix ${random(1000) * 1000 + random(1000)}`;
    const many = (r) => { for (let k = random(9); k >= 0; k--) parameters[random(parameters.length)](r, 'p' + k); };
    switch (random(12)) {
    case 0: case 1: case 2: await run(c, 'execSql', mix, many); break;
    case 3: await run(c, 'callProcedure', 'shop.' + mix.replace(/ /g, ' '), many); break;
    case 4: await run(c, 'execSqlBatch', mix + ' -- ' + 'y'.repeat(random(20000))); break;
    case 5:
      await new Promise((done) => c.beginTransaction(done, random(2) ? 'name' : '', 1 + random(4)));
      await run(c, 'execSqlBatch', mix);
      if (random(2)) await new Promise((done) => c.saveTransaction(done, 'here'));
      await new Promise((done) => (random(2) ? c.commitTransaction(done) : c.rollbackTransaction(done)));
      break;
    case 6:
      if (random(4) === 0) {
        const r = new Request(mix + ' where a = @a', () => {});
        r.addParameter('a', TYPES.Int);
        await new Promise((done) => { r.on('prepared', done); c.prepare(r); });
        for (let k = random(4); k >= 0; k--) await new Promise((done) => { r.userCallback = done; r.callback = done; c.execute(r, { a: k }); });
        await new Promise((done) => { r.userCallback = done; r.callback = done; c.unprepare(r); });
      }
      break;
    case 7:
      if (random(3) === 0) {
        await new Promise((done) => {
          const b = c.newBulkLoad('orders', { checkConstraints: random(2) === 0, keepNulls: true }, done);
          b.addColumn('id', TYPES.Int, { nullable: false });
          b.addColumn('name', TYPES.NVarChar, { length: 50, nullable: true });
          if (tdsVersion >= '7_2') b.addColumn('text', TYPES.VarChar, { length: Infinity, nullable: true });
          b.addColumn('d', TYPES.Decimal, { precision: 12, scale: 3, nullable: true });
          c.execBulkLoad(b, Array.from({ length: random(60) }, (_, k) => tdsVersion >= '7_2' ? [k, k % 3 ? `name ${k}` : null, k % 5 ? null : 'x'.repeat(random(10000)), k % 2 ? 1.5 : null] :
            [k, k % 3 ? `name ${k}` : null, 2.5]));
        });
      }
      break;
    case 8: if (random(6) === 0) await new Promise((done) => c.reset(done)); break;
    case 9:
      if (random(30) === 0)
        await new Promise((done) => { c.execSqlBatch(new Request('waitfor delay', done)); setTimeout(() => c.cancel(), 20); });
      break;
    case 10:
      if (random(20) === 0) {
        await new Promise((done) => { c.on('end', done); c.close(); });
        c = await connect();
      }
      break;
    default: await run(c, 'execSqlBatch', mix);
    }
    if (c.closed) c = await connect();
  }
  await new Promise((done) => { c.on('end', done); c.close(); });
}
void ISOLATION_LEVEL;
main().catch((e) => { console.error(e); process.exit(1); });
