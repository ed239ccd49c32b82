/* Much work for Derby: LoadDerby HOST ROUNDS SEED DATABASE [ATTRIBUTES] */
import java.io.*;
import java.math.BigDecimal;
import java.sql.*;
import java.util.Random;

public class LoadDerby {
    static Random r;
    static String url;

    static Connection connect() throws SQLException {
        Connection c = DriverManager.getConnection(url);
        c.setAutoCommit(r.nextInt(4) == 0);
        return c;
    }

    static String text(int most) {
        StringBuilder b = new StringBuilder();
        for (int n = r.nextInt(most + 1); n > 0; n--) b.append("abc \u00e9\u4e16x0'".charAt(r.nextInt(9)));
        return b.toString();
    }

    static void drain(ResultSet s) throws SQLException {
        int n = s.getMetaData().getColumnCount();
        while (s.next()) for (int i = 1; i <= n; i++) s.getObject(i);
        s.close();
    }

    static void fill(PreparedStatement p, int id) throws Exception {
        p.setInt(1, id);
        if (r.nextInt(5) == 0) p.setNull(2, Types.VARCHAR); else p.setString(2, text(90));
        if (r.nextInt(5) == 0) p.setNull(3, Types.DECIMAL); else p.setBigDecimal(3, new BigDecimal(r.nextInt(1000000)).movePointLeft(2));
        int size = r.nextInt(30) == 0 ? r.nextInt(90000) : r.nextInt(60);
        String clob = "c".repeat(size);
        switch (r.nextInt(4)) {
        case 0: p.setNull(4, Types.CLOB); break;
        case 1: p.setCharacterStream(4, new StringReader(clob)); break;
        case 2: p.setCharacterStream(4, new StringReader(clob), size); break;
        default: p.setString(4, clob);
        }
        switch (r.nextInt(4)) {
        case 0: p.setNull(5, Types.BLOB); break;
        case 1: p.setBinaryStream(5, new ByteArrayInputStream(new byte[size])); break;
        case 2: p.setBinaryStream(5, new ByteArrayInputStream(new byte[size]), size); break;
        default: p.setBytes(5, new byte[size]);
        }
        p.setDouble(6, r.nextDouble());
        p.setTimestamp(7, new Timestamp(r.nextInt()));
        p.setShort(8, (short)r.nextInt(30000));
        p.setLong(9, r.nextLong());
        p.setFloat(10, 2.5f);
        p.setDate(11, new Date(r.nextInt(Integer.MAX_VALUE) * 100L));
        p.setTime(12, new Time(r.nextInt(80000000)));
        p.setString(13, "fixed");
        p.setBytes(14, new byte[r.nextInt(20)]);
        p.setString(15, text(300));
        p.setBoolean(16, r.nextBoolean());
    }

    public static void main(String[] a) throws Exception {
        r = new Random(Integer.parseInt(a[2]));
        url = "jdbc:derby://" + a[0] + ":1527/" + a[3] + ";user=app;password=secret;create=true" + (a.length > 4 ? ";" + a[4] : "");
        Connection c = connect();
        String t = "load" + a[2];
        try (Statement s = c.createStatement()) {
            s.executeUpdate("create table " + t + " (id int primary key, b varchar(100), c decimal(12,2), d clob, e blob, f double, g timestamp, h smallint, i bigint, j real, "
                + "k date, l time, m char(10), n varchar(20) for bit data, o long varchar, p boolean)");
            try { s.executeUpdate("create procedure half (in x int, inout y int) language java parameter style java external name 'java.lang.Math.abs'"); } catch (SQLException e) { }
        } catch (SQLException e) { }
        if (!c.getAutoCommit()) c.commit();
        int next = 0;
        PreparedStatement insert = null, find = null, some = null;
        for (int i = 0; i < Integer.parseInt(a[1]); i++) {
            try {
                if (insert == null) {
                    insert = c.prepareStatement("insert into " + t + " values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
                    find = c.prepareStatement("select * from " + t + " where id = ?");
                    some = c.prepareStatement("select id, b, f from " + t + " where id > ? and f < ?", r.nextBoolean() ? ResultSet.TYPE_SCROLL_INSENSITIVE : ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY);
                }
                switch (r.nextInt(16)) {
                case 0: fill(insert, next++ % 300); insert.executeUpdate(); break;
                case 1:
                    for (int k = r.nextInt(12); k >= 0; k--) { fill(insert, 1000 + next++); insert.addBatch(); }
                    insert.executeBatch();
                    break;
                case 2: case 3: case 4: find.setInt(1, r.nextInt(300)); drain(find.executeQuery()); break;
                case 5: some.setInt(1, r.nextInt(300)); some.setDouble(2, 0.2); some.setFetchSize(1 + r.nextInt(40)); some.setMaxRows(120); drain(some.executeQuery()); break;
                case 6: try (Statement s = c.createStatement()) { drain(s.executeQuery("values (1, 'x', cast(null as int))")); } break;
                case 7:
                    try (Statement s = c.createStatement()) { s.executeQuery(new String[] {"select nonsense from nowhere", "selec", "values 1/0", "select * from " + t + " where id = 'x'"}[r.nextInt(4)]); }
                    catch (SQLException e) { e.getMessage(); }
                    break;
                case 8: if (!c.getAutoCommit()) { if (r.nextBoolean()) c.commit(); else c.rollback(); } break;
                case 9:
                    if (r.nextInt(6) == 0)
                        try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
                             ResultSet q = s.executeQuery("select id, b from " + t + " where id < 30")) {
                            while (q.next()) if (r.nextInt(3) == 0) { q.updateString(2, text(20)); q.updateRow(); }
                            q.absolute(2); q.previous(); q.last(); q.relative(-1);
                        }
                    break;
                case 10: if (r.nextInt(20) == 0) drain(c.getMetaData().getTables(null, null, "L%", null)); else drain(c.getMetaData().getTypeInfo()); break;
                case 11:
                    try (CallableStatement f = c.prepareCall("values SYSCS_UTIL.SYSCS_GET_DATABASE_PROPERTY('derby.x" + r.nextInt(9) + "')")) { f.execute(); drain(f.getResultSet()); }
                    try (CallableStatement f = c.prepareCall("call SYSCS_UTIL.SYSCS_SET_RUNTIMESTATISTICS(?)")) { f.setInt(1, 0); f.execute(); }
                    break;
                case 12:
                    if (!c.getAutoCommit()) { Savepoint p = c.setSavepoint("p"); if (r.nextBoolean()) c.rollback(p); else c.releaseSavepoint(p); }
                    break;
                case 13:
                    try (PreparedStatement p = c.prepareStatement("select d, e from " + t + " where id = ?")) {
                        p.setInt(1, r.nextInt(300));
                        try (ResultSet q = p.executeQuery()) {
                            while (q.next()) {
                                Clob clob = q.getClob(1); Blob blob = q.getBlob(2);
                                if (clob != null) { clob.length(); clob.getSubString(1, 10); clob.position("cc", 1); }
                                if (blob != null) blob.getBytes(1, 20);
                            }
                        }
                    }
                    break;
                case 14: try (Statement s = c.createStatement()) { s.executeUpdate("update " + t + " set b = 'x' where id = " + r.nextInt(300)); s.execute("delete from " + t + " where id > 1000"); } break;
                default:
                    if (r.nextInt(40) == 0) {
                        if (!c.getAutoCommit()) c.rollback();
                        c.setTransactionIsolation(new int[] {1, 2, 4, 8}[r.nextInt(4)]);
                    }
                    if (r.nextInt(60) == 0) { if (!c.getAutoCommit()) c.rollback(); c.close(); c = connect(); insert = null; }
                }
            } catch (SQLException e) {
                if (c.isClosed()) { c = connect(); insert = null; }
                else if (!c.getAutoCommit()) c.rollback();
            }
        }
        if (!c.getAutoCommit()) c.rollback();
        c.close();
    }
}
