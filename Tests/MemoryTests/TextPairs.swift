import Testing

/// Pairs of texts for the tests of near copies.
struct TextPair: Sendable, CustomTestStringConvertible {
    let first: String
    let second: String

    var testDescription: String { "\(first) | \(second)" }

    private static func pairs(_ text: String) -> [TextPair] {
        text.split(separator: "\n").map { line in
            let parts = line.split(separator: "|").map { $0.trimmingPrefix { $0 == " " } }
            precondition(parts.count == 2, "a line holds two texts: \(line)")
            return TextPair(first: String(parts[0].reversed().drop { $0 == " " }.reversed()), second: String(parts[1]))
        }
    }

    /// Texts that differ in one thing: both must be kept.
    static let different = pairs(
        """
        The importer reads the feed at dawn.|The exporter reads the feed at dawn.
        The parser is written in Swift.|The lexer is written in Swift.
        Invoices are sent by email.|Reminders are sent by email.
        The cache lives in memory.|The cache lives on disk.
        The night build uses clang.|The day build uses clang.
        We ship the tool as a tarball.|We ship the tool as a wheel.
        The login page needs a captcha.|The signup page needs a captcha.
        Backups are kept in Frankfurt.|Backups are kept in Dublin.
        The API returns JSON.|The API returns XML.
        Customers prefer the dark theme.|Customers prefer the light theme.
        The left sidebar is 200 pixels wide.|The right sidebar is 200 pixels wide.
        The queue is drained before the deploy.|The queue is drained after the deploy.
        The alarm is on.|The alarm is off.
        The elevator goes up at noon.|The elevator goes down at noon.
        Tests run with the network.|Tests run without the network.
        He approved the budget.|She approved the budget.
        My laptop has a German keyboard.|Your laptop has a German keyboard.
        All shards are replicated.|Some shards are replicated.
        Each worker has a few threads.|Each worker has few threads.
        The report is for Ana.|The report is from Ana.
        The door is under the stairs.|The door is over the stairs.
        Only admins can delete a project.|Admins can only delete a project.
        Send logs to the collector|Send logs from the collector
        This endpoint is more reliable.|This endpoint is most reliable.
        It ran once.|It ran again.
        Ana reviews Boris's pull requests.|Boris reviews Ana's pull requests.
        Marta mentors Jonas on weekdays.|Jonas mentors Marta on weekdays.
        Lea owes Tim twenty euros.|Tim owes Lea twenty euros.
        The proxy calls the gateway.|The gateway calls the proxy.
        Copy the staging data to production.|Copy the production data to staging.
        Alice reports to Carol.|Carol reports to Alice.
        Redis is faster than Postgres here.|Postgres is faster than Redis here.
        First lint, then test.|First test, then lint.
        The dog of the neighbour bit the postman.|The postman bit the dog of the neighbour.
        Merge develop into main.|Merge main into develop.
        We asked Ana to review the plan.|We asked Boris to review the plan.
        Priya leads the payments team.|Paolo leads the payments team.
        The contract is with Contoso.|The contract is with Fabrikam.
        Karl Meier signs the release.|Karl Maier signs the release.
        Ticket belongs to Jon.|Ticket belongs to John.
        The customer is ACME GmbH.|The customer is ACME AG.
        Li Wei joined in spring.|Li Wen joined in spring.
        Use server alpha for tests.|Use server beta for tests.
        The service zqbcd fails on a full disk.|The service zqfgh fails on a full disk.
        The room is called Aurora.|The room is called Borealis.
        Option A won the vote.|Option B won the vote.
        Plan A failed.|Plan failed.
        Use option a for the pilot|Use option for the pilot
        Drive C is encrypted.|Drive D is encrypted.
        Vitamin K is listed.|Vitamin D is listed.
        release 🟢|release 🔴
        The deploy went 👍|The deploy went 👎
        status: ✅|status: ❌
        Mood today 🙂|Mood today 🙁
        Team lunch 🍕|Team lunch 🍣
        Approved by 👩‍💻|Approved by 👨‍💻
        Waving 👋🏻|Waving 👋🏿
        The build is green 🎉|The build is green
        The margin is +5.|The margin is -5.
        x > y holds for all rows|x < y holds for all rows
        a == b in the guard|a != b in the guard
        The rate is 5%.|The rate is 5.
        The price is $40.|The price is €40.
        We write it in C.|We write it in C++.
        We write it in C.|We write it in C#.
        The path is ~/.config.|The path is /.config.
        Run the script in ..|Run the script in .
        The key is a/b.|The key is a-b.
        Tags are matched by *.log|Tags are matched by ?.log
        The feature is ready.|The feature is ready?
        Let's eat, Grandma.|Let's eat Grandma.
        Use (a + b) * c.|Use a + (b * c).
        The handle is @ana.|The handle is #ana.
        The limit is ~10.|The limit is 10.
        The cache survives a restart.|The cache never survives a restart.
        Retries are safe.|Retries are not safe.
        The job can be cancelled.|The job cannot be cancelled.
        We do support IPv6.|We don't support IPv6.
        There are open bugs in the parser.|There are no open bugs in the parser.
        The token is valid without a scope.|The token is valid.
        Nobody may push to main.|Everybody may push to main.
        It isn't urgent.|It is urgent.
        The lock is reentrant.|The lock is non-reentrant.
        This flag is used.|This flag is unused.
        The schema is stable.|The schema is unstable.
        He will neither call nor write.|He will either call or write.
        The timeout is 30 seconds.|The timeout is 60 seconds.
        The port is 8080.|The port is 8081.
        Version 2.1.0 is out.|Version 2.10 is out.
        There are three replicas.|There are two replicas.
        The meeting is at 10:30.|The meeting is at 11:30.
        The meeting is on Monday.|The meeting is on Tuesday.
        The contract ends in May 2026.|The contract ends in May 2027.
        The disk has 1,000 GB.|The disk has 1.000 GB.
        The ratio is 5.2.|The ratio is 52.
        Error E1042 means a full disk.|Error E1043 means a full disk.
        Her birthday is 3 June.|Her birthday is 6 March.
        We need one more node.|We need more nodes.
        The first run is slow.|The second run is slow.
        Half of the rows are deleted.|Twice of the rows are deleted.
        会議は月曜日です|会議は火曜日です
        猫は犬を見た|犬は猫を見た
        他喜欢茶|她喜欢茶
        数据库在上海|数据库在北京
        服务器已启动|服务器未启动
        ห้องประชุมอยู่ชั้นสอง|ห้องประชุมอยู่ชั้นสาม
        ລາວຢູ່ບ້ານ|ລາວບໍ່ຢູ່ບ້ານ
        សៀវភៅនៅលើតុ|សៀវភៅនៅក្រោមតុ
        စာအုပ်အနီ|စာအုပ်အပြာ
        東京で会う|京都で会う
        ꦲꦏꦸ ꦠꦸꦏꦸ ꦧꦸꦏꦸ|ꦲꦏꦸ ꦠꦸꦏꦸ ꦥꦺꦤ꧀
        ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ|ᏣᎳᎩ ᏗᎦᎶᏫᏍᏗ
        ሰላም ለአና|ሰላም ለቦሪስ
        ⴰⵣⵓⵍ ⴰⵏⴰ|ⴰⵣⵓⵍ ⴱⵓⵔⵉⵙ
        The team deploys on Friday.|The team deployed on Friday.
        The server is down.|The server was down.
        She has finished the audit.|She had finished the audit.
        We migrate the billing database.|We migrated the billing database.
        The vendor will raise prices.|The vendor raised prices.
        He runs the standup.|He ran the standup.
        The test fails on arm64.|The tests fail on arm64.
        I am reading the draft.|I was reading the draft.
        They are moving to Lisbon.|They moved to Lisbon.
        The server restarts at night.|The servers restart at night.
        Ana could join the call.|Ana can join the call.
        résumé of the candidate|resume of the candidate
        now here is the plan|nowhere is the plan
        Der Server läuft stabil.|Der Server lief stabil.
        El informe está listo.|El informe no está listo.
        Le serveur est à Paris.|Le serveur est à Lyon.
        Сервер включён.|Сервер выключен.
        Ο διακομιστής είναι ανοιχτός.|Ο διακομιστής είναι κλειστός.
        الخادم يعمل|الخادم لا يعمل
        השרת פועל|השרת אינו פועל
        서버가 켜져 있다|서버가 꺼져 있다
        """)

    /// Texts that say the same.
    static let same = pairs(
        """
        The deploy runs every night.|the deploy runs every night
        The deploy runs every night.|The  deploy runs\tevery night.
        The deploy runs every night.|THE DEPLOY RUNS EVERY NIGHT!
        Retries are safe|Retries are safe.
        会議は月曜日です|会議は月曜日です。
        服务器已启动|服务器已启动！
        The cache is stored on disk.|Cache is stored on disk.
        The backup runs on the main server.|Backup runs on main server.
        The parser does not support tabs.|The parser doesn't support tabs.
        We cannot cancel the order.|We can't cancel the order.
        It will not start on Windows.|It won't start on Windows.
        The test isn't stable.|The test is not stable.
        Ana’s laptop is new.|Ana's laptop is new.
        She said “ship it” twice.|She said "ship it" twice.
        Backups are made every night.|A backup is made every night.
        The API key is kept in the vault.|We keep the API key in the vault.
        The meeting takes place on Monday at ten.|The meeting is on Monday at ten o'clock.
        Ana is the owner of the billing service.|The owner of the billing service is Ana.
        The build takes ten minutes.|The build takes 10 minutes.
        The tests are run on every commit.|Every commit runs the tests.
        The database is in Frankfurt.|The database is located in Frankfurt.
        Use spaces, not tabs.|Use spaces instead of tabs.
        The customer wants a dark theme.|The customer would like a dark theme.
        The server is down again.|Once again the server is down.
        Deploys are frozen in December.|There is a deploy freeze in December.
        The office closes at six.|The office is closed from six.
        We use Postgres as the primary database.|Our primary database is Postgres.
        The release is planned for May.|We plan the release for May.
        Boris reviews the security patches.|Security patches are reviewed by Boris.
        The log files are rotated daily.|Log files are rotated every day.
        The function returns nil on failure.|On failure the function returns nil.
        The user prefers short answers.|The user likes short answers.
        Please answer in German.|Answer in German, please.
        The token expires after one hour.|The token expires after an hour.
        The worker retries three times.|The worker makes three retries.
        The app crashes when the network is lost.|When the network is lost, the app crashes.
        The invoice was paid in March.|The invoice has been paid in March.
        Our CI runs on GitHub Actions.|We run CI on GitHub Actions.
        The queue holds at most 1000 messages.|The queue holds up to 1000 messages.
        Passwords are hashed with Argon2.|We hash passwords with Argon2.
        The service listens on port 8080.|The service is listening on port 8080.
        The team meets on Tuesdays.|The team meets every Tuesday.
        The schema is versioned in git.|We version the schema in git.
        The bug was fixed in release 2.4.|Release 2.4 fixed the bug.
        The disk is nearly full.|The disk is almost full.
        The report must be sent by Friday.|The report has to be sent by Friday.
        Metrics are exported to Prometheus.|We export metrics to Prometheus.
        The default branch is main.|main is the default branch.
        The model is loaded lazily.|The model is loaded on first use, lazily.
        The cat sleeps on the sofa.|The cat is sleeping on the sofa.
        Marta works from home on Fridays.|On Fridays Marta works from home.
        The migration needs a lock.|A lock is needed for the migration.
        The config file is read at startup.|At startup the config file is read.
        The endpoint is rate limited.|The endpoint has a rate limit.
        Do not push to main.|Don't push to main.
        The gateway timeout is 30 seconds.|The timeout of the gateway is 30 seconds.
        The new logo is blue.|The new logo has a blue colour.
        Errors are written to stderr.|Errors go to stderr.
        The user lives in Oslo.|The user's home is in Oslo.
        The nightly job deletes old files.|Old files are deleted by the nightly job.
        """)
}
