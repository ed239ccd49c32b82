"""Starts the real servers in a scratch directory, watches them, restarts them when they die, stops them by pid."""
import glob
import importlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _wait_for(port, process, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.1)
    return False


class Server:
    user, patience = None, 60
    furnisher = None  # the module whose furnish() makes what the sessions use, once

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="judge-")
        os.chmod(self.dir, 0o755)
        self.port, self.generation, self.lock, self.process = free_port(), 0, threading.Lock(), None
        self.log = os.path.join(self.dir, "server.log")
        self.furnished = False
        self.who = {"user": self.user, "group": self.user, "extra_groups": []} if self.user and os.getuid() == 0 else {}
        if self.who:
            shutil.chown(self.dir, self.user, self.user)
        self.prepare()
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.who)
        if not _wait_for(self.port, self.process, self.patience):
            self.process.kill()
            raise SystemExit("judge: the server does not start, see " + self.log)
        if self.furnisher and not self.furnished:
            importlib.import_module(self.furnisher).furnish(self)
            self.furnished = True

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, *args):
        r = subprocess.run(args, cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self.who)
        if r.returncode:
            raise SystemExit("judge: %s failed:\n%s" % (args[0], r.stdout.decode("utf-8", "replace")))

    def dead(self):
        return self.process.poll() is not None

    def revive(self):
        self.start()

    def remarks(self):
        """what the server wrote down of what it was sent"""
        return []

    def died_since(self, generation, suspicious):
        """whether the server has died since that generation; restarts it"""
        if suspicious:
            time.sleep(0.05)
        with self.lock:
            if self.dead():
                self.generation += 1
                self.revive()
            return self.generation != generation


class MariaDB(Server):
    user, stop_signal = "mysql", 15

    def prepare(self):
        self.data = os.path.join(self.dir, "data")
        self.run("mariadb-install-db", "--no-defaults", "--datadir=" + self.data, "--auth-root-authentication-method=normal",
                 "--skip-test-db")
        cert, key = os.path.join(self.dir, "cert.pem"), os.path.join(self.dir, "key.pem")
        self.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=judge",
                 "-keyout", key, "-out", cert)
        with open(os.path.join(self.dir, "init.sql"), "w") as f:
            f.write("""INSTALL SONAME 'auth_ed25519';
CREATE DATABASE IF NOT EXISTS judge CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS judge.t (a INT PRIMARY KEY, b VARCHAR(100), c DATETIME, d BLOB);
REPLACE INTO judge.t VALUES (1, 'one', '2024-01-01 10:00:00', 'x'), (2, NULL, NULL, NULL), (3, 'three', NULL, REPEAT('z', 400));
CREATE OR REPLACE USER nat IDENTIFIED BY 'natpw';
CREATE OR REPLACE USER nopw;
CREATE OR REPLACE USER repl IDENTIFIED BY 'replpw';
CREATE OR REPLACE USER ed IDENTIFIED VIA ed25519 USING PASSWORD('edpw');
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES ON judge.* TO nat, nopw, repl, ed;
GRANT REPLICATION SLAVE ON *.* TO repl;
""")

    def command(self):
        d = self.dir
        return ["/usr/sbin/mariadbd", "--no-defaults", "--datadir=" + self.data, "--socket=" + os.path.join(d, "s.sock"),
                "--pid-file=" + os.path.join(d, "pid"), "--bind-address=127.0.0.1", "--port=%d" % self.port,
                "--init-file=" + os.path.join(d, "init.sql"), "--max-allowed-packet=16M", "--max-connect-errors=4000000000",
                "--skip-name-resolve", "--max-connections=400", "--local-infile=1", "--server-id=1",
                "--log-bin=judge-bin", "--binlog-ignore-db=judge", "--ssl-cert=" + os.path.join(d, "cert.pem"),
                "--ssl-key=" + os.path.join(d, "key.pem"), "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0",
                "--innodb-buffer-pool-size=64M", "--log-warnings=1", "--skip-stack-trace"]

    def version(self):
        return subprocess.run(["/usr/sbin/mariadbd", "--version"], stdout=subprocess.PIPE).stdout.decode().strip()


class PostgreSQL(Server):
    user, stop_signal = "postgres", 2

    def prepare(self):
        binaries = "/usr/lib/postgresql"
        newest = max(os.listdir(binaries), key=lambda x: float(x))
        self.bin = os.path.join(binaries, newest, "bin")
        self.data, self.seen = os.path.join(self.dir, "data"), 0
        self.run(os.path.join(self.bin, "initdb"), "-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N")
        with open(os.path.join(self.data, "pg_hba.conf"), "w") as f:
            f.write("""local all postgres trust
local all pw password
local all md5u md5
local all scramu scram-sha-256
local all all trust
host all pw 127.0.0.1/32 password
host all md5u 127.0.0.1/32 md5
host all scramu 127.0.0.1/32 scram-sha-256
host replication repl 127.0.0.1/32 trust
host all all 127.0.0.1/32 trust
""")

    def command(self):
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.dir, "fsync": "off",
                   "autovacuum": "off", "max_connections": 200, "max_wal_senders": 60, "shared_buffers": "64MB", "ssl": "off",
                   "log_min_messages": "log", "log_line_prefix": "%n|%r|%e|", "log_min_error_statement": "panic", "restart_after_crash": "on",
                   "wal_keep_size": "256MB", "superuser_reserved_connections": 10}
        return [os.path.join(self.bin, "postgres"), "-D", self.data] + ["-c%s=%s" % kv for kv in options.items()]

    def start(self):
        super().start()
        if os.path.exists(os.path.join(self.dir, "ready")):
            return
        sql = """SET password_encryption = 'md5';
CREATE ROLE md5u LOGIN PASSWORD 'md5pw'; SET password_encryption = 'scram-sha-256';
CREATE ROLE pw LOGIN PASSWORD 'pwpw'; CREATE ROLE scramu LOGIN PASSWORD 'scrampw';
CREATE ROLE app LOGIN; CREATE ROLE repl LOGIN REPLICATION; CREATE DATABASE judge;
GRANT ALL ON DATABASE judge TO PUBLIC;
\\c judge
CREATE UNLOGGED TABLE t (a int, b text, c timestamp, d bytea);
INSERT INTO t VALUES (1, 'one', '2024-01-01', 'x'), (2, NULL, NULL, NULL), (3, 'three', NULL, repeat('z', 400)::bytea);
CREATE UNLOGGED TABLE c (a int, b text);
GRANT SELECT ON t TO PUBLIC; GRANT SELECT, INSERT ON c TO PUBLIC;
"""
        with open(os.path.join(self.dir, "ready"), "w") as f:
            f.write(sql)
        self.run(os.path.join(self.bin, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.dir, "-p", str(self.port), "-U", "postgres",
                 "-f", os.path.join(self.dir, "ready"))

    def dead(self):
        with open(self.log, "rb") as f:
            f.seek(self.seen)
            fresh = f.read()
        self.seen += len(fresh)
        return self.process.poll() is not None or re.search(rb"terminated by signal|PANIC:", fresh) is not None

    def revive(self):
        if self.process.poll() is not None:
            self.start()
        time.sleep(1)
        _wait_for(self.port, self.process)

    def path(self):
        return os.path.join(self.dir, ".s.PGSQL.%d" % self.port)

    def remarks(self):
        """what the server wrote to its log: (time, client port, SQLSTATE, text)"""
        out = []
        with open(self.log, encoding="utf-8", errors="replace") as f:
            for line in f:
                m = re.match(r"(\d+\.\d+)\|[\d.]+\((\d+)\)\|(\w{5})\|(?:LOG|ERROR|FATAL):\s+(.*)", line)
                if m:
                    out.append((float(m[1]), int(m[2]), m[3], m[4]))
        return out

    def version(self):
        return subprocess.run([os.path.join(self.bin, "postgres"), "--version"], stdout=subprocess.PIPE).stdout.decode().strip()


class Redis(Server):
    user, stop_signal = "redis", 15

    def prepare(self):
        with open(os.path.join(self.dir, "redis.conf"), "w") as f:
            f.write("""requirepass judgepw
user app on >apppw ~* &* +@all
enable-debug-command yes
save ""
appendonly no
maxclients 400
""")

    def command(self):
        return ["/usr/bin/redis-server", os.path.join(self.dir, "redis.conf"), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.dir,
                "--daemonize", "no"]

    def version(self):
        return subprocess.run(["/usr/bin/redis-server", "--version"], stdout=subprocess.PIPE).stdout.decode().strip()


class Memcached(Server):
    """three of them: open to all, with an authentication file, with SASL"""
    user, stop_signal = "memcache", 15

    def prepare(self):
        self.ports, self.others = {"auth": free_port(), "sasl": free_port()}, []
        with open(os.path.join(self.dir, "users"), "w") as f:
            f.write("judge:judgepw\n")
        with open(os.path.join(self.dir, "memcached.conf"), "w") as f:
            f.write("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s/sasldb\nmech_list: plain\n" % self.dir)
        subprocess.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", os.path.join(self.dir, "sasldb"), "-a", "memcached", "-u", "judge", "judge"],
                       input=b"judgepw", check=True, **self.who)

    def command(self, port=None, *more):
        return ["/usr/bin/memcached", "-l", "127.0.0.1", "-p", str(port or self.port), "-c", "4000", "-m", "256", "-t", "2"] + list(more)

    def start(self):
        super().start()
        for kind, more in (("auth", ("-Y", os.path.join(self.dir, "users"))), ("sasl", ("-S",))):
            with open(self.log, "ab") as log:
                self.others.append(subprocess.Popen(self.command(self.ports[kind], *more), cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log,
                                                    stderr=log, env=dict(os.environ, SASL_CONF_PATH=self.dir), **self.who))
            if not _wait_for(self.ports[kind], self.others[-1]):
                raise SystemExit("judge: the server does not start, see " + self.log)

    def stop(self):
        self.end_others()
        super().stop()

    def end_others(self):
        for p in self.others:
            if p.poll() is None:
                p.kill()
            p.wait()
        self.others = []

    def dead(self):
        return any(p.poll() is not None for p in [self.process] + self.others)

    def revive(self):
        self.end_others()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.start()

    def version(self):
        return subprocess.run(["/usr/bin/memcached", "-V"], stdout=subprocess.PIPE).stdout.decode().strip()


class Cassandra(Server):
    """one node of its Maven artifacts, on Java 17; CASSANDRA_LIB is a directory with the jars, or they are fetched"""
    furnisher = "cql_sessions"
    stop_signal, patience, VERSION = 15, 240, "5.0.2"
    OPENED = ("java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect java.base/java.util java.base/java.util.concurrent"
              " java.base/java.util.concurrent.atomic java.base/java.nio java.base/java.io java.base/java.net java.base/java.math java.base/sun.nio.ch"
              " java.base/jdk.internal.loader java.base/jdk.internal.ref java.base/jdk.internal.reflect java.base/jdk.internal.math java.base/jdk.internal.module"
              " java.base/jdk.internal.util.jar java.base/jdk.internal.misc jdk.management/com.sun.management.internal java.management.rmi/sun.management.jmxremote"
              " java.rmi/sun.rmi.registry java.rmi/sun.rmi.server java.rmi/sun.rmi.transport java.rmi/sun.rmi.transport.tcp jdk.management.jfr/jdk.management.jfr"
              " java.sql/java.sql java.management/sun.management java.base/sun.security.x509").split()

    def prepare(self):
        self.lib = os.environ.get("CASSANDRA_LIB") or self.fetch()
        d, inner = self.dir, free_port()
        with open(os.path.join(d, "logback.xml"), "w") as f:
            f.write('<configuration><appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%-5level %msg%n</pattern></encoder>'
                    '</appender><root level="INFO"><appender-ref ref="out"/></root></configuration>')
        with open(os.path.join(d, "cassandra.yaml"), "w") as f:
            f.write("""cluster_name: judge
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:%d"
listen_address: 127.0.0.1
storage_port: %d
ssl_storage_port: %d
rpc_address: 127.0.0.1
native_transport_port: %d
start_native_transport: true
endpoint_snitch: SimpleSnitch
commitlog_sync: periodic
commitlog_sync_period: 10000ms
data_file_directories: [%s/data]
commitlog_directory: %s/commitlog
saved_caches_directory: %s/saved
hints_directory: %s/hints
cdc_raw_directory: %s/cdc
authenticator: PasswordAuthenticator
authorizer: AllowAllAuthorizer
memtable_heap_space: 64MiB
key_cache_size: 1MiB
auto_snapshot: false
""" % (inner, inner, free_port(), self.port, d, d, d, d, d))

    def fetch(self):
        with open(os.path.join(self.dir, "pom.xml"), "w") as f:
            f.write("""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>judge</groupId>
<artifactId>judge</artifactId><version>1</version><dependencies><dependency><groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId>
<version>%s</version></dependency></dependencies></project>""" % self.VERSION)
        self.run("mvn", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib")
        return os.path.join(self.dir, "lib")

    def command(self):
        java = (glob.glob("/usr/lib/jvm/java-17-*/bin/java") or ["java"])[0]
        opens = [x for o in self.OPENED for x in ("--add-opens", o + "=ALL-UNNAMED", "--add-exports", o + "=ALL-UNNAMED")]
        return [java] + opens + [
            "-Djdk.attach.allowAttachSelf=true", "-Xms512m", "-Xmx1g", "-XX:+UseSerialGC", "-Dcassandra.config=file://%s/cassandra.yaml" % self.dir,
            "-Dcassandra.storagedir=" + self.dir, "-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=1",
            "-Dcassandra.superuser_setup_delay_ms=1", "-Dcassandra.auth_bcrypt_gensalt_log2_rounds=4", "-Dcassandra-foreground=yes",
            "-Djava.security.manager=allow", "-Dlogback.configurationFile=%s/logback.xml" % self.dir, "-cp", "%s:%s/*" % (self.dir, self.lib),
            "org.apache.cassandra.service.CassandraDaemon"]

    def version(self):
        return "Cassandra " + self.VERSION


class Derby(Server):
    """Derby's network server"""
    furnisher = "drda_sessions"
    stop_signal = 15

    def prepare(self):
        with open(os.path.join(self.dir, "derby.properties"), "w") as f:
            f.write("derby.locks.waitTimeout=1\nderby.locks.deadlockTimeout=1\n")

    def command(self):
        jars = ":".join("/usr/share/java/%s.jar" % n for n in ("derbynet", "derby", "derbytools", "derbyshared"))
        return ["java", "-Xmx512m", "-Dderby.system.home=" + self.dir, "-cp", jars, "org.apache.derby.drda.NetworkServerControl", "start", "-h", "127.0.0.1",
                "-p", str(self.port), "-noSecurityManager"]

    def version(self):
        return "Derby"


OF = {"mysql": MariaDB, "pgsql": PostgreSQL, "redis": Redis, "memcached": Memcached, "cql": Cassandra, "drda": Derby}
