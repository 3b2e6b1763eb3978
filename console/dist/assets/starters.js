var e=new TextEncoder,t=67324752,n=33639248,r=101010256,i=20,a=2048,o=33188,s=33;function c(c){let d=[],p=[],m=0;for(let r of c){let c=e.encode(r.name),u=e.encode(r.text),h=[[i,2],[a,2],[0,2],[0,2],[s,2],[f(u),4],[u.length,4],[u.length,4],[c.length,2],[0,2]],g=l([[t,4],...h]);d.push(g,c,u),p.push(l([[n,4],[788,2],...h,[0,2],[0,2],[0,2],[o*65536,4],[m,4]]),c),m+=g.length+c.length+u.length}let h=p.reduce((e,t)=>e+t.length,0),g=c.length,_=l([[r,4],[0,2],[0,2],[g,2],[g,2],[h,4],[m,4],[0,2]]);return u([...d,...p,_])}function l(e){let t=[];for(let[n,r]of e)for(let e=0;e<r;e+=1)t.push(Math.floor(n/2**(8*e))%256);return Uint8Array.from(t)}function u(e){let t=new Uint8Array(e.reduce((e,t)=>e+t.length,0)),n=0;for(let r of e)t.set(r,n),n+=r.length;return t}var d=Uint32Array.from({length:256},(e,t)=>{let n=t;for(let e=0;e<8;e+=1)n=n&1?3988292384^n>>>1:n>>>1;return n});function f(e){let t=4294967295;for(let n of e)t=(d[(t^n)&255]??0)^t>>>8;return(t^4294967295)>>>0}var p=32768;function m(e){let t=``;for(let n=0;n<e.length;n+=p)t+=String.fromCharCode(...e.subarray(n,n+p));return btoa(t)}var h=[{runtime:`nodejs22.x`,label:`Node.js`,file:`index.mjs`,handler:`index.handler`,code:`// Called with a batch of changes, in order. An error sends the same batch again.
export const handler = async (event) => {
  for (const record of event.Records) {
    const { Keys, OldImage, NewImage } = record.dynamodb;
    console.log(record.eventName, JSON.stringify(Keys), JSON.stringify({ OldImage, NewImage }));
  }
};
`},{runtime:`python3.12`,label:`Python`,file:`lambda_function.py`,handler:`lambda_function.lambda_handler`,code:`import json


def lambda_handler(event, context):
    """Called with a batch of changes, in order. An exception sends the same batch again."""
    for record in event["Records"]:
        change = record["dynamodb"]
        print(record["eventName"], json.dumps(change["Keys"]), json.dumps(change.get("NewImage")))
`}];function g(e,t){return{ZipFile:m(c([{name:e.file,text:t}]))}}var _={"headwater-local-directory":{label:`Folder on the server`,key:`/srv/functions/hello`},"headwater-webhook":{label:`Webhook`,key:`http://127.0.0.1:9999/hook`},"headwater-command":{label:`Program on the server`,key:`/srv/sink.sh`},"headwater-lambda":{label:`Function of another server`,key:`http://127.0.0.1:9000/my-function`}};function v(e,t){return{S3Bucket:e,S3Key:t}}function y(e){let t=e.split(`
`).filter(e=>e.trim()!==``).map(e=>{let t=e.match(/^\s*([A-Za-z][A-Za-z0-9_]*)\s*=(.*)$/);if(!t)throw Error(`"${e.trim()}" is no NAME=value.`);return[t[1],t[2].trim()]});return Object.fromEntries(t)}function b(e){return Object.entries(e).map(([e,t])=>`${e}=${t}`).join(`
`)}export{y as a,g as i,h as n,b as o,v as r,m as s,_ as t};