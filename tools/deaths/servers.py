"""The real servers: a fresh data directory for each run, started in the server's namespace, ended in every way."""
import os
import shutil
import signal
import socket
import subprocess
import time

PG = "/usr/lib/postgresql/15/bin"


def setpriv(user):
    return ["setpriv", "--reuid=" + user, "--regid=" + user, "--clear-groups"]


class Failed(Exception):
    pass


class Server:
    """one running server; `place` is where templates, data directories and the preloaded library are"""
    proto = port = user = binary = None

    def __init__(self, place, net, ip, name, settings):
        self.place, self.net, self.ip, self.settings = place, net, ip, settings
        self.dir = os.path.join(place.runs, name)
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        os.chmod(self.dir, 0o755)
        self.data, self.log, self.sock = os.path.join(self.dir, "data"), os.path.join(self.dir, "log"), os.path.join(self.dir, "sock")
        self.process = None
        self.fresh()
        if self.user:
            subprocess.run(["chown", "-R", self.user + ":", self.dir], check=True)

    def fresh(self):
        template = os.path.join(self.place.templates, self.proto)
        if os.path.isdir(template):
            subprocess.run(["cp", "-a", template, self.data], check=True)
        else:
            os.mkdir(self.data)

    def launch(self):
        env = dict(os.environ, LD_PRELOAD=self.place.library, DEATHS_TRIGGER=self.place.trigger, LC_ALL="C")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.net.in_server("prlimit", "--core=0", *self.command()), cwd=self.dir, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=env)

    def start(self, seconds=20):
        self.launch()
        end = time.time() + seconds
        while time.time() < end:
            if self.process.poll() is not None:
                raise Failed("%s does not start, see %s" % (self.proto, self.log))
            if self.ready():
                return
            time.sleep(0.02)
        raise Failed("%s does not come up" % self.proto)

    def ready(self):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.socket_path())
            return True
        except OSError:
            return False

    def socket_path(self):
        return self.sock

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        os.kill(self.process.pid, number)
        return time.time_ns()

    def kill(self):
        before = time.time_ns()
        self.process.send_signal(signal.SIGKILL)
        return before

    def wait(self, seconds=15):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def end(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill_all()
        self.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def kill_all(self):
        self.kill()

    def worker(self):
        """the process that serves one client, where there is one for each"""
        return self.process.pid


class MariaDB(Server):
    proto, port, user, binary = "mysql", 3306, "mysql", "/usr/sbin/mariadbd"
    SQL = """CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE shop.item (id INT PRIMARY KEY, name VARCHAR(60), price DECIMAL(8,2), stock INT, note TEXT) ENGINE=InnoDB;
CREATE TABLE shop.sale (id INT PRIMARY KEY AUTO_INCREMENT, item INT, count INT, made DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3)) ENGINE=InnoDB;
INSERT INTO shop.item SELECT seq, CONCAT('item ', seq), seq * 1.25, 100, REPEAT(CHAR(97 + seq % 26), 20 + seq % 90) FROM seq_1_to_600;
CREATE USER app IDENTIFIED BY 'app-word'; GRANT ALL ON shop.* TO app;
CREATE USER boss IDENTIFIED BY 'boss-word'; GRANT ALL ON *.* TO boss;
"""

    @classmethod
    def prepare(cls, place):
        at = os.path.join(place.templates, "mysql")
        os.mkdir(at)
        shutil.chown(at, "mysql", "mysql")
        small = ["--innodb-log-file-size=8M", "--innodb-data-file-path=ibdata1:6M:autoextend", "--innodb-buffer-pool-size=16M"]
        subprocess.run(["mariadb-install-db", "--no-defaults", "--user=mysql", "--datadir=" + at, "--skip-test-db",
                        "--auth-root-authentication-method=normal"] + small, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        sql = os.path.join(place.root, "mysql.sql")
        with open(sql, "w", encoding="ascii") as f:
            f.write("".join(cls.SQL))
        # --bootstrap knows no GRANT unless the tables of rights are loaded, so a server with an init file does it.
        sock = os.path.join(place.runs, "prepare.sock")
        p = subprocess.Popen([cls.binary, "--no-defaults", "--user=mysql", "--datadir=" + at, "--socket=" + sock, "--skip-networking",
                              "--pid-file=" + os.path.join(at, "pid")] + small, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            if subprocess.run(["mariadb", "--no-defaults", "-uroot", "-S", sock, "-e", "select 1"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0:
                break
            time.sleep(0.05)
        with open(sql, "rb") as f:
            subprocess.run(["mariadb", "--no-defaults", "-uroot", "-S", sock], stdin=f, check=True)
        p.terminate()
        p.wait()

    def command(self):
        return [self.binary, "--no-defaults", "--user=mysql", "--datadir=" + self.data, "--socket=" + self.sock,
                "--pid-file=" + os.path.join(self.data, "pid"), "--bind-address=" + self.ip, "--port=3306", "--skip-name-resolve",
                "--innodb-log-file-size=8M", "--innodb-data-file-path=ibdata1:6M:autoextend", "--innodb-buffer-pool-size=16M",
                "--innodb-flush-log-at-trx-commit=0", "--innodb-lock-wait-timeout=30", "--max-allowed-packet=16M",
                "--max-connections=%d" % self.settings.get("limit", 151)] + self.settings.get("options", [])

    def stop(self, how):
        if how == "term":
            return self.signal(signal.SIGTERM)
        at = time.time_ns()
        if how == "admin":
            subprocess.Popen(["mariadb-admin", "--no-defaults", "-uroot", "-S", self.sock, "shutdown"], stderr=subprocess.DEVNULL)
        else:
            subprocess.Popen(self.net.in_client("mariadb-admin", "--no-defaults", "--skip-ssl", "-uboss", "-pboss-word", "-h", self.ip, "shutdown"),
                             stderr=subprocess.DEVNULL)
        return at

    def sql(self, text):
        return subprocess.Popen(["mariadb", "--no-defaults", "-uroot", "-S", self.sock, "-N", "-e", text], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)


class PostgreSQL(Server):
    proto, port, user, binary = "pgsql", 5432, "postgres", PG + "/postgres"
    SQL = """CREATE ROLE app LOGIN PASSWORD 'app-word'; CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'boss-word'; CREATE DATABASE shop OWNER app;
\\c shop
CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(8,2), stock int, note text);
CREATE TABLE sale (id serial PRIMARY KEY, item int, count int, made timestamp DEFAULT now());
INSERT INTO item SELECT i, 'item ' || i, i * 1.25, 100, repeat(chr(97 + i % 26), 20 + i % 90) FROM generate_series(1, 600) i;
ALTER TABLE item OWNER TO app; ALTER TABLE sale OWNER TO app;
"""

    @classmethod
    def prepare(cls, place):
        at = os.path.join(place.templates, "pgsql")
        os.mkdir(at)
        shutil.chown(at, "postgres", "postgres")
        subprocess.run(setpriv("postgres") + [PG + "/initdb", "-D", at, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N",
                                              "--wal-segsize=1"], check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(os.path.join(at, "pg_hba.conf"), "w", encoding="ascii") as f:
            f.write("local all postgres trust\nhost all all all scram-sha-256\n")
        with open(os.path.join(at, "postgresql.conf"), "a", encoding="ascii") as f:
            f.write("fsync = off\nsynchronous_commit = off\nshared_buffers = 16MB\nautovacuum = off\nmax_wal_size = 64MB\nmin_wal_size = 2MB\n"
                    "dynamic_shared_memory_type = mmap\nsuperuser_reserved_connections = 2\nwal_level = minimal\nmax_wal_senders = 0\n")
        sql = os.path.join(place.root, "pgsql.sql")
        with open(sql, "w", encoding="ascii") as f:
            f.write(cls.SQL)
        p = subprocess.Popen(setpriv("postgres") + [cls.binary, "-D", at, "-k", place.runs, "-c", "listen_addresses="], cwd="/",
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        psql = ["psql", "-X", "-q", "-h", place.runs, "-U", "postgres", "-v", "ON_ERROR_STOP=1"]
        for _ in range(300):
            if subprocess.run(psql + ["-c", "select 1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                break
            time.sleep(0.05)
        subprocess.run(psql + ["-f", sql], check=True)
        p.send_signal(signal.SIGINT)
        p.wait()

    def command(self):
        return setpriv("postgres") + [self.binary, "-D", self.data, "-k", self.dir, "-c", "listen_addresses=" + self.ip,
                                      "-c", "max_connections=%d" % self.settings.get("limit", 100)]

    def socket_path(self):
        return os.path.join(self.dir, ".s.PGSQL.5432")

    def ready(self):
        # The postmaster listens before it takes sessions; its file says when it does.
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as f:
                return f.read().split("\n")[7].strip() == "ready"
        except (OSError, IndexError):
            return False

    def start(self, seconds=20):
        pid = os.path.join(self.data, "postmaster.pid")
        if os.path.exists(pid):
            os.unlink(pid)
        super().start(seconds)

    def children(self):
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid), encoding="ascii") as f:
            return [int(x) for x in f.read().split()]

    def backends(self):
        """(pid, client address, client port) of each session"""
        found = []
        for pid in self.children():
            try:
                with open("/proc/%d/cmdline" % pid, "rb") as f:
                    title = f.read().rstrip(b"\0 ").decode("ascii", "replace")
            except OSError:
                continue
            words = title.split(" ")
            if len(words) > 4 and words[1] == "app" and "(" in words[3]:
                ip, port = words[3].rstrip(")").split("(")
                found.append((pid, ip, int(port), " ".join(words[4:])))
        return found

    def kill_all(self):
        try:
            pids = self.children()
        except OSError:
            pids = []
        self.kill()
        self.kill_pids(pids)

    def kill_pids(self, pids):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass

    def crowd(self):
        """all processes of the server: [postmaster, children]"""
        try:
            return [self.process.pid] + self.children()
        except OSError:
            return [self.process.pid]

    def signal_all(self, number):
        at = time.time_ns()
        for pid in self.crowd():
            try:
                os.kill(pid, number)
            except OSError:
                pass
        return at

    def stop(self, how):
        return self.signal({"term": signal.SIGINT, "fast": signal.SIGINT, "smart": signal.SIGTERM, "immediate": signal.SIGQUIT}[how])

    def segment(self):
        """the id of its System V segment, which outlives a postmaster that is killed"""
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as f:
                return f.read().split("\n")[6].split()[1]
        except (OSError, IndexError):
            return None

    def end(self):
        if self.process is not None:
            self.signal_all(signal.SIGCONT)
            pids = self.crowd()[1:] if self.process.poll() is None else []
            segment = self.segment()
            super().end()
            if segment:
                subprocess.run(["ipcrm", "-m", segment], stderr=subprocess.DEVNULL, check=False)
            self.kill_pids([p for p in pids if os.path.exists("/proc/%d" % p) and self.is_ours(p)])

    def is_ours(self, pid):
        try:
            return os.readlink("/proc/%d/exe" % pid).startswith(PG)
        except OSError:
            return False

    def sql(self, text):
        return subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-h", self.dir, "-U", "postgres", "-d", "shop", "-c", text],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


class Redis(Server):
    proto, port, user, binary = "redis", 6379, "redis", "/usr/bin/redis-server"

    @classmethod
    def prepare(cls, place):
        pass

    def command(self):
        return setpriv("redis") + [self.binary, "--port", "6379", "--bind", self.ip, "--unixsocket", self.sock, "--unixsocketperm", "777",
                                   "--protected-mode", "no", "--dir", self.data, "--enable-debug-command", "yes", "--save", "",
                                   "--appendonly", "yes" if self.settings.get("keep") else "no", "--appendfsync", "no",
                                   "--maxclients", str(self.settings.get("limit", 1000)), "--latency-tracking", "no"]

    def stop(self, how):
        if how == "term":
            return self.signal(signal.SIGTERM)
        at = time.time_ns()
        where = ["-s", self.sock] if how == "admin" else ["-h", self.ip]
        command = ["redis-cli"] + where + ["shutdown", "nosave"]
        subprocess.Popen(command if how == "admin" else self.net.in_client(*command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return at

    def tell(self, *words):
        return subprocess.Popen(["redis-cli", "-s", self.sock] + list(words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


class Memcached(Server):
    proto, port, user, binary = "memcached", 11211, "memcache", "/usr/bin/memcached"

    @classmethod
    def prepare(cls, place):
        pass

    def command(self):
        return setpriv("memcache") + [self.binary, "-l", self.ip, "-p", "11211", "-U", "0", "-m", "64", "-t", "4",
                                      "-c", str(self.settings.get("limit", 512))] + self.settings.get("options", [])

    def ready(self):
        # It has no Unix socket beside the TCP one, so look at what listens; a connection would be in the recording.
        out = subprocess.run(self.net.in_server("ss", "-Htln", "src", self.ip + ":11211"), stdout=subprocess.PIPE, check=False).stdout
        return bool(out.strip())

    def stop(self, how):
        return self.signal(signal.SIGINT if how == "int" else signal.SIGUSR1 if how == "graceful" else signal.SIGTERM)


OF = {"mysql": MariaDB, "pgsql": PostgreSQL, "redis": Redis, "memcached": Memcached}
