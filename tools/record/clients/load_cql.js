// Much work for Cassandra with the Node.js driver: load_cql.js ROUNDS VERSION
'use strict';
const cassandra = require('cassandra-driver');
const { types } = cassandra;
const [rounds, version] = process.argv.slice(2).map(Number);

async function main() {
    for (let round = 0; round < rounds; round++) {
        const client = new cassandra.Client({contactPoints: [process.env.HOST], localDataCenter: 'datacenter1', keyspace: 'shop',
            protocolOptions: {maxVersion: version}, pooling: {coreConnectionsPerHost: {[types.distance.local]: 1 + round % 3}},
            encoding: {set: round % 2 ? Set : undefined}});
        await client.connect();
        for (let i = 0; i < 40; i++) {
            const work = [];
            for (let k = 0; k < 60; k++) {
                const id = 1000 + (i * 61 + k * 7) % 500;
                switch ((i + k) % 9) {
                case 0:
                    work.push(client.execute('insert into page (id, title, words, price, body) values (?, ?, ?, ?, ?)', [id, k % 5 ? 'título ' + id : null,
                        ['a', 'b', ''], types.BigDecimal.fromString('12.5'), Buffer.alloc(k * 40)], {prepare: true}));
                    break;
                case 1: work.push(client.execute('select title from page where id = ?', [id], {hints: ['int']})); break;
                case 2: work.push(client.execute('select title, words from page where id = :id', {id}, {prepare: false, hints: {id: 'int'}})); break;
                case 3: work.push(client.batch([{query: 'insert into page (id, title) values (?, ?)', params: [id, 'x']},
                    {query: 'delete title from page where id = ?', params: [id]}], {prepare: k % 2 === 0, hints: [['int', 'text'], ['int']],
                    logged: k % 3 === 0, timestamp: types.generateTimestamp()})); break;
                case 4: work.push(client.execute('select nothing from page').catch(() => 0)); break;
                case 5: work.push(client.execute('select * from page where id = ?', [id], {prepare: true, traceQuery: k === 5 && i === 0, consistency: types.consistencies.localOne})); break;
                case 6: work.push(client.execute('update page set title = ? where id = ?', [version > 3 ? types.unset : null, id], {prepare: true, serialConsistency: types.consistencies.localSerial})); break;
                case 7: work.push(client.execute('insert into page (id, title) values (?, ?) if not exists', [id, 'once'], {prepare: true})); break;
                default: work.push(client.execute('select id, body from page limit 40', [], {fetchSize: 1 + k, autoPage: false, customPayload: version > 3 ? {k: Buffer.from('v')} : undefined}));
                }
            }
            await Promise.all(work);
        }
        await client.shutdown();
    }
}

main().catch((error) => { console.error(error); process.exit(1); });
