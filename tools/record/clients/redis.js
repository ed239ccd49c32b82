// A session of the Node.js drivers redis and ioredis:  redis.js DRIVER
'use strict';
const host = process.env.HOST;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const tasks = {
  async redis() {
    const { createClient } = require('redis');
    const db = createClient({ url: `redis://app:app-word@${host}:6379`, name: 'shop-worker' });
    await db.connect();
    await db.set('node:a', 'one', { EX: 100 });
    console.log(await db.get('node:a'), await db.get('node:none'));
    await db.hSet('node:h', { f: '1', g: 'two' });
    console.log(await db.hGetAll('node:h'));
    await Promise.all(Array.from({ length: 200 }, (_, i) => db.incrBy('node:n', i)));
    console.log(await db.multi().set('node:t', '1').get('node:t').incr('node:t').exec());
    await db.incr('node:a').catch((e) => console.log(e.message));
    await db.set('node:binary', Buffer.from([0, 13, 10, 255, 36, 42]));
    for await (const keys of db.scanIterator({ MATCH: 'node:*', COUNT: 5 })) console.log(keys);
    console.log(await db.eval('return {KEYS[1], ARGV[1], 7}', { keys: ['node:a'], arguments: ['x'] }));
    const listener = db.duplicate();
    await listener.connect();
    await listener.subscribe('news', (m) => console.log('news', m));
    await listener.pSubscribe('news:*', (m, c) => console.log(c, m));
    await db.publish('news', 'first');
    await db.publish('news:more', 'second');
    await pause(50);
    await listener.unsubscribe();
    await listener.quit();
    await db.xAdd('node:x', '*', { field: 'value' });
    console.log(await db.xRead({ key: 'node:x', id: '0' }));
    console.log(await db.blPop('node:list', 0.1));
    await db.quit();
    const three = createClient({ url: `redis://app:app-word@${host}:6379`, RESP: 3 });
    await three.connect();
    await three.zAdd('node:z', [{ score: 1.5, value: 'a' }, { score: Infinity, value: 'b' }]);
    console.log(await three.zRangeWithScores('node:z', 0, -1), await three.hGetAll('node:h'));
    await three.close?.();
  },
  async ioredis() {
    const Redis = require('ioredis');
    const db = new Redis({ host, username: 'app', password: 'app-word', db: 2, connectionName: 'io' });
    await db.set('io:a', 'one', 'PX', 100000);
    const pipeline = db.pipeline();
    for (let i = 0; i < 100; i++) pipeline.set(`io:${i}`, 'v'.repeat(i)).get(`io:${i}`);
    console.log((await pipeline.exec()).length);
    console.log(await db.multi().incr('io:n').incr('io:a').exec());
    await db.lpush('io:l', 1, 2, 3);
    console.log(await db.blpop('io:l', 1), await db.call('nosuch').catch((e) => e.message));
    db.defineCommand('twice', { numberOfKeys: 1, lua: 'return redis.call("get", KEYS[1]) .. ARGV[1]' });
    console.log(await db.twice('io:a', '!'), await db.twice('io:a', '?'));
    const watcher = await db.monitor();
    watcher.on('monitor', (time, args) => console.log(args[0]));
    await db.get('io:a');
    await pause(50);
    watcher.disconnect();
    const listener = new Redis({ host, username: 'app', password: 'app-word' });
    await listener.subscribe('io:news');
    await db.publish('io:news', 'hello');
    await pause(50);
    listener.disconnect();
    await new Promise((done) => {
      const bad = new Redis({ host, username: 'app', password: 'wrong', retryStrategy: () => null });
      bad.on('error', (e) => console.log(e.message));
      bad.on('end', done);
    });
    await db.quit();
  },
};

tasks[process.argv[2]]().catch((e) => { console.error(e); process.exit(1); });
