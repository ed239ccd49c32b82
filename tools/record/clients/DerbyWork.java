/* One client of Derby: what JDBC programs do. Usage: DerbyWork HOST statements|batch|large|refused DATABASE [ATTRIBUTES] */
import java.sql.*;
import java.util.Properties;
public class DerbyWork {
    public static void main(String[] a) throws Exception {
        String host = a[0], what = a[1];
        String url = "jdbc:derby://" + host + ":1527/" + a[2] + ";user=app;password=secret" + (a.length > 3 ? ";" + a[3] : "");
        if (!what.equals("refused"))
            url += ";create=true";
        try (Connection c = DriverManager.getConnection(url)) {
            c.setAutoCommit(false);
            Statement s = c.createStatement();
            try { s.executeUpdate("drop table t"); } catch (SQLException e) { }
            s.executeUpdate("create table t (id int primary key, name varchar(100), amount decimal(10,2), big clob, bin blob, d double, ts timestamp)");
            c.commit();
            PreparedStatement p = c.prepareStatement("insert into t values (?,?,?,?,?,?,?)");
            int rows = what.equals("large") ? 4 : 30;
            for (int i = 0; i < rows; i++) {
                p.setInt(1, i);
                if (i % 5 == 0) p.setNull(2, Types.VARCHAR); else p.setString(2, "name \u00e9 " + i);
                p.setBigDecimal(3, new java.math.BigDecimal("12.34"));
                int n = what.equals("large") ? 40000 * (i + 1) : 10;
                StringBuilder b = new StringBuilder(); for (int k = 0; k < n; k++) b.append((char)('a' + k % 26));
                if (i % 2 == 0) p.setCharacterStream(4, new java.io.StringReader(b.toString()), n); else p.setCharacterStream(4, new java.io.StringReader(b.toString()));
                p.setBytes(5, b.toString().getBytes());
                p.setDouble(6, 1.5); p.setTimestamp(7, new Timestamp(0));
                if (what.equals("batch")) p.addBatch(); else p.executeUpdate();
            }
            if (what.equals("batch")) p.executeBatch();
            c.commit();
            try (ResultSet r = s.executeQuery("select * from t order by id")) { while (r.next()) { r.getString(2); r.getString(4); r.getBytes(5); } }
            PreparedStatement q = c.prepareStatement("select name from t where id = ? and d > ?");
            for (int i = 0; i < 5; i++) { q.setInt(1, i); q.setDouble(2, 0.1); try (ResultSet r = q.executeQuery()) { while (r.next()) r.getString(1); } }
            try { s.executeQuery("select nonsense from nowhere"); } catch (SQLException e) { }
            try { s.executeUpdate("insert into t (id) values (1)"); } catch (SQLException e) { }
            c.rollback();
            Statement us = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
            try (ResultSet r = us.executeQuery("select id, name from t where id < 3")) { while (r.next()) { r.updateString(2, "x"); r.updateRow(); } r.absolute(1); r.previous(); }
            c.commit();
            DatabaseMetaData m = c.getMetaData();
            try (ResultSet r = m.getTables(null, null, "T", null)) { while (r.next()) r.getString(3); }
            CallableStatement call = c.prepareCall("call SYSCS_UTIL.SYSCS_SET_RUNTIMESTATISTICS(?)"); call.setInt(1, 0); call.execute();
            CallableStatement f = c.prepareCall("values SYSCS_UTIL.SYSCS_GET_DATABASE_PROPERTY('derby.x')"); f.execute();
            Savepoint sp = c.setSavepoint("a"); c.rollback(sp);
            c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            try (ResultSet r = s.executeQuery("select count(*) from t")) { r.next(); }
            c.commit();
        }
    }
}
