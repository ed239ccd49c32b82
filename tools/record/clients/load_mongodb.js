// Much work for FerretDB with the Node.js driver: load_mongodb.js ROUNDS
'use strict';
const { MongoClient, Long, Binary, ObjectId } = require('mongodb');

async function main() {
  for (let round = 0; round < Number(process.argv[2]); round++) {
    const client = new MongoClient(`mongodb://app:app-word@${process.env.HOST}:27017/?directConnection=true&appName=load&authMechanism=SCRAM-SHA-256&maxPoolSize=${1 + round % 5}`);
    await client.connect();
    const c = client.db('shop').collection('load_node');
    for (let i = 0; i < 30; i++) {
      await Promise.all(Array.from({ length: 40 }, async (_, k) => {
        const n = i * 40 + k;
        switch (k % 8) {
        case 0: return c.insertOne({ n, at: new Date(), long: Long.fromNumber(2 ** 40 + n), raw: new Binary(Buffer.alloc(k)), deep: { a: { b: [1, 2] } } });
        case 1: return c.bulkWrite([{ insertOne: { document: { n } } }, { updateOne: { filter: { n }, update: { $set: { seen: true } }, upsert: true } }, { deleteOne: { filter: { n: n - 50 } } }], { ordered: k % 2 === 0 });
        case 2: return c.find({ n: { $gt: n - 20 } }, { batchSize: 3, limit: 12, projection: { n: 1 } }).toArray();
        case 3: return c.findOneAndUpdate({ n }, { $inc: { k: 1 } }, { upsert: true });
        case 4: return client.db('shop').command({ nonsense: n }).catch(() => 0);
        case 5: return c.insertOne({ _id: new ObjectId('0123456789abcdef01234567') }).catch(() => 0);
        default: return c.findOne({ n });
        }
      }));
    }
    if (round % 5 === 4) await c.drop();
    await client.close();
  }
}

main().then(() => process.exit(0), (e) => { console.error(e); process.exit(1); });
