// Much work for Cassandra with gocql: load_cql HOST REQUESTS VERSION COMPRESSION(none, snappy, lz4)
package main

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"sync"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"github.com/apache/cassandra-gocql-driver/v2/lz4"
	"github.com/apache/cassandra-gocql-driver/v2/snappy"
)

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	version, _ := strconv.Atoi(os.Args[3])
	c := gocql.NewCluster(os.Args[1])
	c.Keyspace, c.ProtoVersion, c.NumConns, c.Timeout = "shop", version, 3, 60*time.Second
	c.ConnectTimeout = 30 * time.Second
	switch os.Args[4] {
	case "snappy":
		c.Compressor = &snappy.SnappyCompressor{}
	case "lz4":
		c.Compressor = lz4.LZ4Compressor{}
	}
	var group sync.WaitGroup
	for part := 0; part < 8; part++ {
		group.Add(1)
		go func(part int) {
			defer group.Done()
			r := rand.New(rand.NewSource(int64(part)))
			var s *gocql.Session
			for i := 0; i < count/8; i++ {
				if i%20000 == 0 { // and a new connection now and then
					if s != nil {
						s.Close()
					}
					var err error
					if s, err = c.CreateSession(); err != nil {
						fmt.Println(err)
						os.Exit(1)
					}
				}
				one(s, r)
			}
			s.Close()
		}(part)
	}
	group.Wait()
}

func one(s *gocql.Session, r *rand.Rand) {
	id := 2000 + r.Intn(3000)
	var title string
	var words []string
	switch r.Intn(20) {
	case 0:
		b := s.NewBatch(gocql.BatchType(r.Intn(2)))
		for k := r.Intn(9); k >= 0; k-- {
			b.Query("insert into page (id, title) values (?, ?)", id+k, "in a batch")
		}
		s.ExecuteBatch(b)
	case 1:
		s.Query("selec").Exec()
	case 2:
		s.Query("insert into page (id, body) values (?, ?)", id, make([]byte, r.Intn(3000))).Exec()
	case 3:
		it := s.Query("select id, title, words from page limit 120").PageSize(1 + r.Intn(60)).Iter()
		for it.Scan(&id, &title, &words) {
		}
		it.Close()
	case 4:
		s.Query("insert into page (id, title, words) values (?, ?, ?)", id, unset(), nil).Exec()
	case 5:
		s.Query("update visits set n = n + ? where id = ?", int64(3), r.Intn(40)).Exec()
	case 6:
		s.Query("insert into page (id, title) values (?, ?) if not exists", id, "x").MapScanCAS(map[string]interface{}{})
	case 7:
		s.Query("update page set words = words + ?, title = ? where id = ?", []string{"x"}, "t", id).WithTimestamp(int64(r.Intn(1 << 30))).Exec()
	case 8:
		s.Query("delete words from page where id = ?", id).Exec()
	case 9:
		q := s.Query("select * from page where id = ?", id).Consistency(gocql.LocalQuorum)
		if os.Args[3] != "3" {
			q = q.CustomPayload(map[string][]byte{"a": []byte("b")})
		}
		q.MapScan(map[string]interface{}{})
	default:
		s.Query("select title, words from page where id = ?", id).Scan(&title, &words)
	}
}

func unset() interface{} {
	if os.Args[3] == "3" {
		return nil
	}
	return gocql.UnsetValue
}
