// A session of Microsoft's JDBC driver: Jdbc.java ENCRYPT
import java.sql.*;

public class Jdbc {
    public static void main(String[] arguments) throws Exception {
        String url = "jdbc:sqlserver://" + System.getenv("HOST") + ":1433;databaseName=shop;user=app;password=app-word;encrypt=" + arguments[0]
            + ";trustServerCertificate=true;applicationName=shop-report;loginTimeout=10;sendTimeAsDatetime=false";
        try (Connection c = DriverManager.getConnection(url)) {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("select rows 20")) {
                while (r.next()) System.out.println(r.getInt(1) + " " + r.getString(2) + " " + r.getBigDecimal(3));
            }
            try (PreparedStatement p = c.prepareStatement("select rows 4 where a = ? and b = ? and c = ?")) {
                for (int i = 0; i < 4; i++) {
                    p.setInt(1, i);
                    p.setString(2, "name " + i);
                    p.setTimestamp(3, new Timestamp(0));
                    try (ResultSet r = p.executeQuery()) { while (r.next()) System.out.println(r.getInt(1)); }
                }
            }
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("select types")) {
                while (r.next()) System.out.println(r.getString(14).length());
            }
            try (Statement s = c.createStatement()) { s.execute("select nosuch"); } catch (SQLException e) { System.out.println(e.getMessage()); }
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) { s.executeUpdate("insert into orders"); }
            c.commit();
        }
    }
}
