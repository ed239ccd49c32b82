// A login with go-ora, which negotiates encryption when the server asks for it: tns HOST SERVICE.
package main

import (
	"database/sql"
	"fmt"
	"os"

	_ "github.com/sijms/go-ora/v2"
)

func main() {
	db, err := sql.Open("oracle", fmt.Sprintf("oracle://scott:tiger-77@%s:1521/%s", os.Args[1], os.Args[2]))
	if err == nil {
		err = db.Ping()
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
