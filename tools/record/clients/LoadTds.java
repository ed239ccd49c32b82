// Much work for the small TDS server with Microsoft's JDBC driver: LoadTds.java ROUNDS [OPTIONS]
import java.sql.*;
import java.util.Random;

public class LoadTds {
    static final Random R = new Random(5);

    static Connection connect(String options) throws SQLException {
        return DriverManager.getConnection("jdbc:sqlserver://" + System.getenv("HOST") + ":1433;databaseName=shop;user=app;password=app-word;encrypt=false;loginTimeout=10;"
            + "packetSize=" + new int[] {512, 4096, 8000, 32000}[R.nextInt(4)] + ";" + options);
    }

    static void drain(Statement s, boolean result) throws SQLException {
        for (;;) {
            if (result) {
                try (ResultSet r = s.getResultSet()) {
                    int n = r.getMetaData().getColumnCount();
                    while (r.next())
                        for (int i = 1; i <= n; i++)
                            try { r.getObject(i); } catch (SQLException | RuntimeException e) { }
                }
            } else if (s.getUpdateCount() == -1) {
                return;
            }
            try { result = s.getMoreResults(); } catch (SQLException e) { result = false; if (s.getConnection().isClosed()) throw e; }
        }
    }

    public static void main(String[] a) throws Exception {
        String options = a.length > 1 ? a[1] : "";
        Connection c = connect(options);
        for (int i = 0; i < Integer.parseInt(a[0]); i++) {
            String mix = "select mix " + R.nextInt(1000000);
            try {
                switch (R.nextInt(8)) {
                case 0: case 1:
                    try (Statement s = c.createStatement()) { drain(s, s.execute(mix)); }
                    break;
                case 2: case 3:
                    try (PreparedStatement p = c.prepareStatement(mix + " where a = ? and b = ? and c = ? and d = ?")) {
                        for (int k = R.nextInt(3); k >= 0; k--) {
                            p.setInt(1, k);
                            if (R.nextBoolean()) p.setString(2, "x".repeat(R.nextInt(9000))); else p.setNull(2, Types.NVARCHAR);
                            p.setTimestamp(3, new Timestamp(0));
                            if (R.nextBoolean()) p.setBytes(4, new byte[R.nextInt(9000)]); else p.setBigDecimal(4, new java.math.BigDecimal("1.50"));
                            drain(p, p.execute());
                        }
                    }
                    break;
                case 4:
                    c.setAutoCommit(false);
                    try (Statement s = c.createStatement()) { s.executeUpdate("insert into orders"); }
                    if (R.nextBoolean()) c.commit(); else c.rollback();
                    c.setAutoCommit(true);
                    break;
                case 5:
                    try (PreparedStatement p = c.prepareStatement("insert into orders values (?, ?)")) {
                        for (int k = R.nextInt(20); k >= 0; k--) { p.setInt(1, k); p.setString(2, "é"); p.addBatch(); }
                        p.executeBatch();
                    }
                    break;
                case 6:
                    if (R.nextInt(20) == 0) { c.close(); c = connect(options); }
                    break;
                default:
                    try (Statement s = c.createStatement()) { drain(s, s.execute("select rows " + R.nextInt(50))); }
                }
            } catch (SQLException e) {
                if (c.isClosed()) c = connect(options);
            }
        }
        c.close();
    }
}
