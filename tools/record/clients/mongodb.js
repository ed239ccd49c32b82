// A session of the Node.js driver:  mongodb.js PORT [COMPRESSOR]
'use strict';
const { MongoClient, Long, Decimal128, Binary } = require('mongodb');
const [port, compressor] = process.argv.slice(2);

async function main() {
  const login = compressor ? '' : 'app:app-word@';
  const options = compressor ? `&compressors=${compressor}` : '&authMechanism=SCRAM-SHA-256';
  const client = new MongoClient(`mongodb://${login}${process.env.HOST}:${port}/?directConnection=true&appName=shop-node${options}`);
  await client.connect();
  const orders = client.db('shop').collection('node');
  await orders.insertOne({ name: 'first', at: new Date(0), n: Long.fromNumber(2 ** 40), raw: new Binary(Buffer.from([1, 2, 3])) });
  await orders.insertMany(Array.from({ length: 300 }, (_, i) => ({ n: i, name: `thing ${i}` })));
  console.log(await orders.find({ n: 5 }).toArray(), (await orders.find({}, { batchSize: 100 }).toArray()).length);
  await Promise.all(Array.from({ length: 30 }, (_, i) => orders.findOne({ n: i })));
  if (!compressor) {
    console.log(await orders.updateMany({ n: { $lt: 9 } }, { $set: { seen: true } }), await orders.deleteOne({ n: 1 }));
    await orders.insertOne({ _id: 1 }).catch(() => {});
    await orders.insertOne({ _id: 1 }).catch((e) => console.log(e.message));
  }
  await client.db('shop').command({ nonsense: 1 }).catch((e) => console.log(e.message));
  console.log(await client.db('admin').command({ ping: 1 }), Decimal128.fromString('1.5'));
  if (!compressor) process.exit(0); // close() says goodbye without wanting an answer, and FerretDB answers
  await client.close();
}

main().catch((e) => { console.error(e); process.exit(1); });
