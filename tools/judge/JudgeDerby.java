/* The sessions that the judge records: JudgeDerby PORT furnish|session SEED. Rows are read and rolled back changes made, nothing else. */
import java.io.*;
import java.sql.*;
import java.util.Random;

public class JudgeDerby {
    static void drain(ResultSet s) throws SQLException {
        int n = s.getMetaData().getColumnCount();
        while (s.next()) for (int i = 1; i <= n; i++) s.getObject(i);
        s.close();
    }

    public static void main(String[] a) throws Exception {
        Random r = new Random(Integer.parseInt(a[2]));
        boolean furnish = a[1].equals("furnish");
        try (Connection c = DriverManager.getConnection("jdbc:derby://127.0.0.1:" + a[0] + "/judge;user=app;password=judgepw" + (furnish ? ";create=true" : ""))) {
            c.setAutoCommit(false);
            if (furnish) {
                Statement s = c.createStatement();
                s.executeUpdate("create table t (id int primary key, b varchar(60), c decimal(9,2), d double, e timestamp, f clob)");
                for (int i = 0; i < 20; i++) s.executeUpdate("insert into t values (" + i + ", 'row', 1.5, 2.5, current_timestamp, null)");
                c.commit();
                return;
            }
            for (int k = 2 + r.nextInt(3); k > 0; k--) {
                switch (r.nextInt(9)) {
                case 0:
                    try (Statement s = c.createStatement()) { drain(s.executeQuery("select id, b, c, d from t where id < " + r.nextInt(20))); }
                    break;
                case 1:
                    try (PreparedStatement p = c.prepareStatement("select * from t where id = ? and d > ?")) {
                        p.setInt(1, r.nextInt(20)); p.setDouble(2, 0.5); drain(p.executeQuery());
                    }
                    break;
                case 2:
                    try (PreparedStatement p = c.prepareStatement("values (cast(? as varchar(90)), cast(? as decimal(12,3)), cast(? as int), cast(? as timestamp))")) {
                        if (r.nextBoolean()) p.setString(1, "x".repeat(r.nextInt(80))); else p.setNull(1, Types.VARCHAR);
                        p.setBigDecimal(2, new java.math.BigDecimal("12.345")); p.setInt(3, r.nextInt()); p.setTimestamp(4, new Timestamp(0));
                        drain(p.executeQuery());
                    }
                    break;
                case 3:
                    try (Statement s = c.createStatement()) { s.setFetchSize(3); drain(s.executeQuery("select id, b from t")); }
                    break;
                case 4:
                    try (Statement s = c.createStatement()) { s.executeQuery(r.nextBoolean() ? "selec" : "select * from nowhere"); } catch (SQLException e) { }
                    break;
                case 5:
                    try (PreparedStatement p = c.prepareStatement("values cast(? as clob)")) {
                        String text = "c".repeat(r.nextInt(300));
                        p.setCharacterStream(1, new StringReader(text), text.length());
                        drain(p.executeQuery());
                    }
                    break;
                case 6:
                    try (CallableStatement f = c.prepareCall("call SYSCS_UTIL.SYSCS_SET_RUNTIMESTATISTICS(?)")) { f.setInt(1, 0); f.execute(); }
                    break;
                case 7:
                    try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_READ_ONLY)) {
                        ResultSet q = s.executeQuery("select id from t");
                        q.next(); q.absolute(5); q.previous(); q.close();
                    }
                    break;
                default: if (r.nextBoolean()) c.commit(); else c.rollback();
                }
            }
            c.rollback();
        }
    }
}
