// Much work for FerretDB with the driver for Go: load_mongodb HOST REQUESTS
package main

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"sync"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	var group sync.WaitGroup
	for part := 0; part < 4; part++ {
		group.Add(1)
		go func(part int) {
			defer group.Done()
			r := rand.New(rand.NewSource(int64(part)))
			var client *mongo.Client
			for i := 0; i < count/4; i++ {
				if i%10000 == 0 {
					if client != nil {
						client.Disconnect(context.Background())
					}
					var err error
					client, err = mongo.Connect(context.Background(), options.Client().ApplyURI(
						fmt.Sprintf("mongodb://app:app-word@%s:27017/?directConnection=true&authMechanism=SCRAM-SHA-256", os.Args[1])))
					if err != nil {
						panic(err)
					}
				}
				one(client.Database("shop").Collection("load_go"), r)
			}
			client.Disconnect(context.Background())
		}(part)
	}
	group.Wait()
}

func one(c *mongo.Collection, r *rand.Rand) {
	x, n := context.Background(), r.Intn(2000)
	switch r.Intn(40) {
	case 0:
		c.InsertOne(x, bson.M{"n": n, "text": "some text", "list": bson.A{1, 2.5, "x"}, "raw": make([]byte, r.Intn(300))})
	case 1:
		c.UpdateOne(x, bson.M{"n": n}, bson.M{"$set": bson.M{"seen": true}}, options.Update().SetUpsert(true))
	case 2:
		c.DeleteMany(x, bson.M{"n": n})
	case 3:
		if cursor, err := c.Find(x, bson.M{"n": bson.M{"$lt": n}}, options.Find().SetBatchSize(5).SetLimit(11)); err == nil {
			var all []bson.M
			cursor.All(x, &all)
		}
	case 4, 5, 6, 7, 8, 9:
		c.Database().RunCommand(x, bson.D{{Key: "ping", Value: 1}})
	case 10:
		c.Database().RunCommand(x, bson.D{{Key: "nonsense", Value: 1}})
	default:
		c.FindOne(x, bson.M{"_id": n})
	}
}
