// Much work for the small TDS server with go-mssqldb: load_tds HOST REQUESTS PACKET_SIZE
package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"sync"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

func drain(rows *sql.Rows, err error) {
	if err != nil {
		return
	}
	defer rows.Close()
	for {
		names, _ := rows.Columns()
		values := make([]interface{}, len(names))
		for i := range values {
			values[i] = new(interface{})
		}
		for rows.Next() {
			rows.Scan(values...)
		}
		if !rows.NextResultSet() {
			return
		}
	}
}

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	db, err := sql.Open("sqlserver", fmt.Sprintf("sqlserver://app:app-word@%s:1433?database=shop&encrypt=disable&packet+size=%s&app+name=load", os.Args[1], os.Args[3]))
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	db.SetConnMaxLifetime(20 * time.Second)
	var group sync.WaitGroup
	for part := 0; part < 4; part++ {
		group.Add(1)
		go func(part int) {
			defer group.Done()
			r := rand.New(rand.NewSource(int64(part)))
			for i := 0; i < count/4; i++ {
				one(db, r)
			}
		}(part)
	}
	group.Wait()
	db.Close()
}

func one(db *sql.DB, r *rand.Rand) {
	mix := fmt.Sprintf("select mix %d", r.Intn(1000000))
	switch r.Intn(24) {
	case 0:
		tx, err := db.Begin()
		if err == nil {
			drain(tx.Query(mix))
			if r.Intn(2) == 0 {
				tx.Commit()
			} else {
				tx.Rollback()
			}
		}
	case 1:
		drain(db.Query(mix+" @p1 @p2 @p3 @p4 @p5 @p6", r.Int63(), "text", nil, 1.5, time.Now(), make([]byte, r.Intn(9000))))
	case 2:
		drain(db.Query(mix+" @a @b", sql.Named("a", mssql.VarChar("v")), sql.Named("b", mssql.DateTime1(time.Now()))))
	case 3:
		db.Exec("insert into orders values (@p1)", r.Intn(9))
	case 4:
		s, err := db.Prepare(mix + " @p1")
		if err == nil {
			drain(s.Query(1))
			drain(s.Query("x"))
			s.Close()
		}
	case 5:
		if r.Intn(20) == 0 { // the driver sends an attention
			c, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			drain(db.QueryContext(c, "waitfor delay"))
			cancel()
		}
	case 6:
		drain(db.Query("select nosuch"))
	case 7, 8:
		drain(db.Query(mix))
	default:
		drain(db.Query(fmt.Sprintf("select rows %d", r.Intn(3))))
	}
}
