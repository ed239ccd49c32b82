// What go-sql-driver, and go-mysql for zstd, do with a server like MySQL 8: mysql8 HOST PORT
package main

import (
	"database/sql"
	"fmt"
	"os"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
	_ "github.com/go-sql-driver/mysql"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func rows(r *sql.Rows, err error) {
	must(err)
	for {
		for r.Next() {
		}
		if !r.NextResultSet() {
			break
		}
	}
	r.Close()
}

func main() {
	where := os.Args[1] + ":" + os.Args[2]
	for _, options := range []string{"", "?multiStatements=true", "?interpolateParams=true&parseTime=true"} {
		db, err := sql.Open("mysql", "app:app-word@tcp("+where+")/shop"+options)
		must(err)
		db.SetMaxOpenConns(1)
		rows(db.Query("select rows 5"))
		rows(db.Query("select rows 3 where a = ? and b = ? and c = ?", 7, "text", nil))
		if options == "?multiStatements=true" {
			rows(db.Query("select 1; select rows 2; select 3"))
		}
		s, err := db.Prepare("insert into t values (?, ?)")
		must(err)
		for i := 0; i < 4; i++ {
			_, err = s.Exec(i, make([]byte, i*100))
			must(err)
		}
		s.Close()
		_, err = db.Query("select * from nosuch")
		fmt.Println(err)
		tx, err := db.Begin()
		must(err)
		tx.Exec("update t")
		must(tx.Commit())
		must(db.Ping())
		db.Close()
	}
	for _, flag := range []uint32{mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM, mysql.CLIENT_COMPRESS} {
		c, err := client.Connect(where, "app", "app-word", "shop", func(c *client.Conn) error { c.SetCapability(flag); return nil })
		must(err)
		for i := 0; i < 3; i++ {
			_, err = c.Execute(fmt.Sprintf("select rows %d", 5+i*40))
			must(err)
		}
		_, err = c.Execute("select rows 4 where a = ?", 5)
		must(err)
		_, err = c.Execute("select wide")
		must(err)
		must(c.UseDB("other"))
		must(c.Ping())
		c.Close()
	}
}
