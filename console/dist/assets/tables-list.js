import{C as e,T as t,a as n,d as r,l as i,o as a,p as o,s}from"./error.js";import{n as c}from"./resource.js";import{n as l,o as u,r as d}from"./format.js";import{i as f,y as p}from"./app.js";import{n as m,t as h}from"./badge.js";import{r as g}from"./copy.js";import{i as _,t as v}from"./page.js";import{t as y}from"./table.js";import{t as b}from"./load.js";/* empty css      */var x=5e3,S=[{id:`name`,label:`Name`,sort:e=>e.TableName,cell:e=>o(`a`,{class:`strong break`,href:f(`/tables/:table/items`,{table:e.TableName}),children:e.TableName})},{id:`status`,label:`Status`,cell:e=>o(m,{status:e.TableStatus??``})},{id:`keys`,label:`Keys`,wide:!0,cell:e=>o(`span`,{class:`data`,children:C(e)})},{id:`items`,label:`Items`,right:!0,sort:e=>e.ItemCount??0,cell:e=>d(e.ItemCount??0)},{id:`size`,label:`Size`,right:!0,wide:!0,sort:e=>e.TableSizeBytes??0,cell:e=>l(e.TableSizeBytes??0)},{id:`indexes`,label:`Indexes`,right:!0,wide:!0,sort:w,cell:e=>d(w(e))},{id:`stream`,label:`Stream`,cell:e=>o(T,{table:e})}];function C(e){return(e.KeySchema??[]).map(e=>e.AttributeName).join(`, `)}function w(e){return(e.LocalSecondaryIndexes??[]).length+(e.GlobalSecondaryIndexes??[]).length}function T({table:e}){return e.StreamSpecification?.StreamEnabled?o(h,{tone:`good`,children:`On`}):o(h,{tone:`off`,children:`Off`})}function E(){let l=c(`tables`,b,{every:x}),[d,f]=e(``),m=l.data.value,h=m?.filter(e=>e.TableName.toLowerCase().includes(d.trim().toLowerCase())),g=l.error.value;return o(`div`,{class:`page`,children:[o(_,{title:`Tables`,actions:o(r,{href:`#/create-table`,kind:`primary`,icon:`plus`,children:`Create table`})}),g&&o(a,{what:`The tables could not be listed.`,error:g,retry:l.reload}),!m&&!g&&o(s,{}),m?.length===0&&o(D,{}),m&&h&&m.length>0&&o(t,{children:[o(`div`,{class:`row`,children:[o(`div`,{class:`grow filter-box`,children:o(p,{label:`Filter by name`,hideLabel:!0,type:`search`,placeholder:`Filter by name  ( / )`,filter:!0,value:d,onInput:f})}),o(`span`,{class:`muted small`,"aria-live":`polite`,children:h.length===m.length?u(m.length,`table`):`${h.length} of ${u(m.length,`table`)}`})]}),h.length===0?o(n,{icon:`search`,title:`No table has that in its name`,children:o(i,{onClick:()=>f(``),children:`Show all`})}):o(v,{flush:!0,children:o(y,{label:`Tables`,columns:S,rows:h,rowKey:e=>e.TableName,order:{id:`name`,down:!1}})})]})]})}function D(){let e=location.origin;return o(n,{icon:`table`,title:`There is no table yet`,children:[o(`p`,{children:`Create one here, or with the AWS CLI or an SDK that is pointed at this server:`}),o(g,{snippets:[{label:`AWS CLI`,text:O(e)},{label:`JavaScript`,text:k(e)},{label:`Python`,text:A(e)}]}),o(r,{href:`#/create-table`,kind:`primary`,icon:`plus`,children:`Create table`})]})}function O(e){return`aws dynamodb create-table --endpoint-url ${e} \\
  --table-name users --billing-mode PAY_PER_REQUEST \\
  --attribute-definitions AttributeName=id,AttributeType=S \\
  --key-schema AttributeName=id,KeyType=HASH`}function k(e){return`import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({ endpoint: "${e}", region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" } });
await client.send(new CreateTableCommand({
  TableName: "users",
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
  KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
}));`}function A(e){return`import boto3

dynamodb = boto3.client("dynamodb", endpoint_url="${e}", region_name="us-east-1",
                        aws_access_key_id="local", aws_secret_access_key="local")
dynamodb.create_table(
    TableName="users",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
)`}export{E as default};