// memjs: the binary protocol, with SASL on another port.  memjs.js HOST [PORT]
'use strict'
const memjs = require('memjs')

async function main () {
  const [host, port] = [process.argv[2], process.argv[3] || '11211']
  const sasl = port !== '11211' ? { username: 'app@shop', password: 'app-word' } : {}
  const client = memjs.Client.create(`${host}:${port}`, Object.assign({ retries: 0, timeout: 5 }, sasl))
  await client.set('greeting', 'hello', { expires: 600 })
  await client.get('greeting')
  await client.get('nothing')
  await client.add('once', 'only', { expires: 60 })
  await client.add('once', 'only', { expires: 60 })
  await client.replace('once', 'again', { expires: 60 })
  await client.append('once', ' and more')
  await client.prepend('once', 'less and ')
  await client.increment('counter', 5, { initial: 10, expires: 600 })
  await client.decrement('counter', 2, { initial: 10, expires: 600 })
  await client.touch('greeting', 900)
  await client.set('wide', Buffer.alloc(20000, 7), {})
  await client.get('wide')
  await client.delete('once')
  await client.delete('once')
  await Promise.all(Array.from({ length: 30 }, (_, i) => client.set('many' + i, 'value ' + i, {})))
  await Promise.all(Array.from({ length: 30 }, (_, i) => client.get('many' + i)))
  if (port === '11211') await new Promise(resolve => client.stats(resolve))
  client.quit()
  setTimeout(() => client.close(), 300)
}

main().catch(error => { console.error(error); process.exit(1) })
