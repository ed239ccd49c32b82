// What Connector/J does with a server like MySQL 8: Mysql8.java PORT
import java.sql.*;

public class Mysql8 {
    static void drain(Statement s, boolean result) throws SQLException {
        while (result || s.getUpdateCount() != -1) {
            if (result) try (ResultSet r = s.getResultSet()) { while (r.next()) r.getString(1); }
            result = s.getMoreResults();
        }
    }

    public static void main(String[] a) throws Exception {
        for (String options : new String[] {"", "useServerPrepStmts=true&cachePrepStmts=true", "useServerPrepStmts=true&useCursorFetch=true&defaultFetchSize=3", "useCompression=true&allowMultiQueries=true",
                                            "allowMultiQueries=true&cacheServerConfiguration=true&useLocalSessionState=true&trackSessionState=true"}) {
            String url = "jdbc:mysql://" + System.getenv("HOST") + ":" + a[0] + "/shop?user=app&password=app-word&sslMode=DISABLED&allowPublicKeyRetrieval=true&" + options;
            try (Connection c = DriverManager.getConnection(url)) {
                try (Statement s = c.createStatement()) { drain(s, s.execute("select rows 10")); }
                try (PreparedStatement p = c.prepareStatement("select rows 10 where a = ? and b = ? and c = ? and d = ?")) {
                    for (int i = 0; i < 4; i++) {
                        p.setInt(1, i); p.setString(2, "\u00e9".repeat(i * 100)); p.setTimestamp(3, new Timestamp(0));
                        if (i % 2 == 0) p.setNull(4, Types.VARCHAR); else p.setBytes(4, new byte[20]);
                        drain(p, p.execute());
                    }
                }
                try (PreparedStatement p = c.prepareStatement("insert into t values (?)")) {
                    for (int i = 0; i < 5; i++) { p.setLong(1, i); p.addBatch(); }
                    p.executeBatch();
                }
                if (options.contains("allowMulti")) try (Statement s = c.createStatement()) { drain(s, s.execute("select 1; insert into t; select rows 2")); }
                try (Statement s = c.createStatement()) { s.execute("select * from nosuch"); } catch (SQLException e) { System.out.println(e.getMessage()); }
                c.setAutoCommit(false);
                try (Statement s = c.createStatement()) { s.executeUpdate("update t"); }
                c.commit();
                c.setCatalog("other");
                c.isValid(5);
                ((com.mysql.cj.jdbc.JdbcConnection)c).resetServerState();
            }
        }
        try (Connection c = DriverManager.getConnection("jdbc:mysql://" + System.getenv("HOST") + ":" + a[0] + "/shop?user=app&password=wrong&sslMode=DISABLED&allowPublicKeyRetrieval=true")) {
            throw new RuntimeException("should have been refused");
        } catch (SQLException e) { System.out.println(e.getMessage()); }
    }
}
